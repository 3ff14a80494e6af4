// Large weights take minutes to load: chat may start slowly, and an update never takes a pod away
// before the next one answers.
local k = import 'k.libsonnet';

{
  models+: {
    chat+: {
      deployment+: k.patch('server', {
        startupProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 10, failureThreshold: 60 },
      }) + {
        spec+: { strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } },
      },
    },
  },
}
