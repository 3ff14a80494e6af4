// Embeds documents in the background and fills the vector store.
//
// A component may be a function, as long as every parameter has a default: then a second worker
// is one line in another component, `(import '../batch-worker/main.jsonnet')(name='batch-urgent')`.
local k = import 'k.libsonnet';

function(name='batch-worker') {
  config:: {
    image: 'registry.example.com/ai/batch-worker:3.0.2',
    replicas: 1,
    resources: { cpu: '200m', memory: '256Mi' },
    concurrency: 4,
    // Now and then everything is embedded again.
    reindex: { enabled: false, schedule: '0 3 * * *' },
  },
  local config = self.config,

  // It lists the models, and starts Jobs for big documents.
  identity: k.identity(name, config.namespace, [
    k.readModels,
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'watch', 'delete'] },
  ]),

  local pod(command) = k.pod(name, [
    k.container(
      'worker',
      config.image,
      config.resources,
      port=9000,
      env={ CONCURRENCY: config.concurrency, STORE_URL: 'http://vector-store:6333' },
      mounts={ scratch: '/scratch' },
    ) + { args: [command] },
  ], volumes=[{ name: 'scratch', emptyDir: {} }]) {
    priorityClassName: 'ai-batch',
  },

  deployment: k.deployment(name, config.replicas, k.template(name, pod('consume'))),

  reindex: if !config.reindex.enabled then {} else k.object('batch/v1', 'CronJob', name + '-reindex') {
    spec: {
      schedule: config.reindex.schedule,
      timeZone: 'Etc/UTC',
      concurrencyPolicy: 'Forbid',
      jobTemplate: {
        spec: {
          backoffLimit: 2,
          template: k.template(name + '-reindex', pod('reindex') + { restartPolicy: 'Never' }),
        },
      },
    },
  },
}
