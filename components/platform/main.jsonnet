// The ground the other components stand on: the environment's namespace, what may run in it,
// how much, and who may talk to whom.
local k = import 'k.libsonnet';

{
  // `config` is hidden (two colons), so it is no output: it holds what environments may set.
  // `namespace` and `domain` have no default here. Every environment has to name its own.
  config:: {
    quota: { cpu: '8', memory: '32Gi', pods: 40, storage: '50Gi' },
  },
  local config = self.config,
  local policy(name, spec) = k.object('networking.k8s.io/v1', 'NetworkPolicy', name) { spec: spec },

  namespace: k.object('v1', 'Namespace', config.namespace) {
    metadata+: {
      // The API server now refuses pods that ask for more rights than they need.
      labels+: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  },

  quota: k.object('v1', 'ResourceQuota', 'platform') {
    spec: {
      hard: {
        'requests.cpu': config.quota.cpu,
        'requests.memory': config.quota.memory,
        'requests.storage': config.quota.storage,
        pods: std.toString(config.quota.pods),
      },
    },
  },

  // Pods that say nothing about resources would be refused by the quota; this fills in for them.
  defaults: k.object('v1', 'LimitRange', 'platform') {
    spec: {
      limits: [{
        type: 'Container',
        defaultRequest: { cpu: '100m', memory: '128Mi' },
        default: { memory: '128Mi' },
      }],
    },
  },

  // envctl finds objects at any depth, in lists too.
  network: [
    policy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),

    policy('within-namespace', {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: {} }] }],
      egress: [{ to: [{ podSelector: {} }] }],
    }),

    // Names, the API server (443 or 6443) and the store that holds the weights.
    policy('dns-and-https', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [{
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
          { port: 443, protocol: 'TCP' },
          { port: 6443, protocol: 'TCP' },
        ],
      }],
    }),

    policy('ingress-to-gateway', {
      podSelector: { matchLabels: k.selector('gateway') },
      policyTypes: ['Ingress'],
      ingress: [{
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } } }],
        ports: [{ port: 'http' }],
      }],
    }),
  ],
}
