// Users depend on this one: spread the pods over nodes, and let requests in flight finish.
local k = import 'k.libsonnet';

{
  deployment+: {
    spec+: {
      template+: {
        spec+: {
          terminationGracePeriodSeconds: 60,
          topologySpreadConstraints: [{
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: k.selector('gateway') },
          }],
        },
      },
    },
  },
}
