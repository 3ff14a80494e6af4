// Keeps the vectors that searches and the semantic cache of the gateway look through.
local k = import 'k.libsonnet';

{
  config:: {
    image: 'registry.example.com/ai/vector-store:1.12.0',
    replicas: 1,
    resources: { cpu: '250m', memory: '512Mi' },
    storage: '2Gi',
  },
  local config = self.config,
  local name = 'vector-store',

  identity: k.identity(name, config.namespace),

  // Without a cluster IP each pod has a name of its own, which the members find each other by.
  service: k.service(name, port=6333) { spec+: { clusterIP: 'None' } },

  // Same template as in a Deployment, but pods keep their name and their disk.
  statefulSet: k.object('apps/v1', 'StatefulSet', name) {
    spec: {
      replicas: config.replicas,
      serviceName: name,
      selector: { matchLabels: k.selector(name) },
      template: k.template(
        name,
        k.pod(name, [
          k.container(
            name,
            config.image,
            config.resources,
            port=6333,
            env={ MEMBERS: config.replicas },
            mounts={ data: '/data' },
          ),
        ]) {
          priorityClassName: 'ai-serving',
        },
      ),
      volumeClaimTemplates: [{
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: config.storage } },
        },
      }],
    },
  },

  disruptionBudget: k.disruptionBudget(name),
}
