// The front door: takes requests of users, checks them, and passes them to a model.
local k = import 'k.libsonnet';

{
  config:: {
    image: 'registry.example.com/ai/gateway:2.4.1',
    replicas: 1,
    resources: { cpu: '100m', memory: '128Mi' },
    logLevel: 'info',
    requestsPerMinute: 60,
    features: { streaming: true, semanticCache: false },
    // With autoscaling, `replicas` is the fewest pods.
    autoscaling: { enabled: false, max: 4, cpuPercent: 70 },
  },
  local config = self.config,
  local name = 'gateway',

  // The gateway finds models by listing the Model objects of its namespace: a new model needs no
  // change here. The three objects of `identity` are nested; that is fine.
  identity: k.identity(name, config.namespace, [k.readModels]),

  settings: k.configMap(name, {
    'settings.json': std.manifestJson({
      requestsPerMinute: config.requestsPerMinute,
      features: config.features,
    }),
  }),

  deployment: k.deployment(
    name,
    if config.autoscaling.enabled then null else config.replicas,
    k.template(
      name,
      k.pod(name, [
        k.container(
          name,
          config.image,
          config.resources,
          port=8080,
          env={
            LOG_LEVEL: config.logLevel,
            SIGNING_KEY: k.fromSecret('gateway-credentials', 'signing-key'),
            [if config.features.semanticCache then 'CACHE_URL']: 'http://vector-store:6333',
          },
          mounts={ settings: '/etc/gateway' },
        ),
      ], volumes=[{ name: 'settings', configMap: { name: name } }]) {
        priorityClassName: 'ai-serving',
      },
      // `$` is the finished object: the hash follows the settings, even those that an overlay changed.
      settings=$.settings,
    ),
  ),

  service: k.service(name),

  ingress: k.object('networking.k8s.io/v1', 'Ingress', name) {
    spec: {
      rules: [{
        host: 'api.' + config.domain,
        http: {
          paths: [{
            path: '/',
            pathType: 'Prefix',
            backend: { service: { name: name, port: { name: 'http' } } },
          }],
        },
      }],
    },
  },

  disruptionBudget: k.disruptionBudget(name),

  // An empty object holds no objects: there is an autoscaler or there is none.
  autoscaler: if !config.autoscaling.enabled then {} else k.object('autoscaling/v2', 'HorizontalPodAutoscaler', name) {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: name },
      minReplicas: config.replicas,
      maxReplicas: config.autoscaling.max,
      metrics: [{
        type: 'Resource',
        resource: {
          name: 'cpu',
          target: { type: 'Utilization', averageUtilization: config.autoscaling.cpuPercent },
        },
      }],
    },
  },
}
