// Constructors for the Kubernetes objects of this platform.
//
// They keep the components short and set what every object should have: the same labels, and
// pods that the *restricted* pod security standard admits. A constructor returns a plain object,
// so whoever calls it can still change every field with `+`.
{
  local k = self,

  // Selectors cannot be changed after the first apply, so they hold one label and no more.
  selector(name):: { 'app.kubernetes.io/name': name },

  labels(name):: k.selector(name) { 'app.kubernetes.io/part-of': 'ai-platform' },

  // The head that all objects share. There is no namespace: envctl fills in the environment's.
  object(apiVersion, kind, name):: {
    apiVersion: apiVersion,
    kind: kind,
    metadata: { name: name, labels: k.labels(name) },
  },

  // Turns `{ NAME: value }` into the list that containers want. A value is a string, or an
  // object for `valueFrom`. The result is sorted by name: the same input, the same bytes.
  env(values):: [
    { name: name } + (
      if std.isObject(values[name])
      then { valueFrom: values[name] }
      else { value: std.toString(values[name]) }
    )
    for name in std.objectFields(values)
  ],

  // Secrets never stand in this repository. Pods refer to one that exists in the cluster.
  fromSecret(secret, key):: { secretKeyRef: { name: secret, key: key } },

  // A container that serves HTTP on one port called `http`. `resources` is { cpu, memory }.
  // A field whose name in brackets is null is left out.
  // Memory is limited to what is requested; CPU has no limit, because throttling hurts latency.
  container(name, image, resources, port, env={}, mounts={}):: {
    name: name,
    image: image,
    [if env != {} then 'env']: k.env(env),
    ports: [{ name: 'http', containerPort: port }],
    readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
    resources: { requests: resources, limits: { memory: resources.memory } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
    [if mounts != {} then 'volumeMounts']: [
      { name: volume, mountPath: mounts[volume] }
      for volume in std.objectFields(mounts)
    ],
  },

  // What the *restricted* standard asks of a pod, next to what `container` sets.
  pod(account, containers, volumes=[]):: {
    serviceAccountName: account,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 10001,
      fsGroup: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: containers,
    [if volumes != [] then 'volumes']: volumes,
  },

  // Pods do not notice that a ConfigMap changed. Its hash in the template rolls them over.
  template(name, pod, settings=null):: {
    metadata: {
      labels: k.labels(name),
      [if settings != null then 'annotations']: {
        'ai.example.com/settings-hash': std.md5(std.manifestJsonMinified(settings.data)),
      },
    },
    spec: pod,
  },

  // `replicas` null leaves the field out: then an autoscaler owns it and nobody fights over it.
  deployment(name, replicas, template):: k.object('apps/v1', 'Deployment', name) {
    spec: {
      [if replicas != null then 'replicas']: replicas,
      selector: { matchLabels: k.selector(name) },
      template: template,
    },
  },

  // A Service in front of the pods with the same name.
  service(name, port=80):: k.object('v1', 'Service', name) {
    spec: {
      selector: k.selector(name),
      ports: [{ name: 'http', port: port, targetPort: 'http' }],
    },
  },

  configMap(name, data):: k.object('v1', 'ConfigMap', name) { data: data },

  // Node maintenance takes one pod at a time.
  disruptionBudget(name):: k.object('policy/v1', 'PodDisruptionBudget', name) {
    spec: { maxUnavailable: 1, selector: { matchLabels: k.selector(name) } },
  },

  // Who a workload is, and what it may ask the API server. Three objects, or only the account
  // where there are no rules; such pods get no token at all.
  identity(name, namespace, rules=[]):: {
    serviceAccount: k.object('v1', 'ServiceAccount', name) {
      automountServiceAccountToken: rules != [],
    },
    [if rules != [] then 'role']: k.object('rbac.authorization.k8s.io/v1', 'Role', name) {
      rules: rules,
    },
    [if rules != [] then 'roleBinding']: k.object('rbac.authorization.k8s.io/v1', 'RoleBinding', name) {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: name },
      subjects: [{ kind: 'ServiceAccount', name: name, namespace: namespace }],
    },
  },

  // The rule that lets a workload see which models are served.
  readModels:: { apiGroups: ['ai.example.com'], resources: ['models'], verbs: ['get', 'list', 'watch'] },

  // Changes the container called `name` in a workload, for overlays: `deployment+: k.patch('gateway', { … })`.
  // Lists have no `+` that looks inside, so this walks the list.
  patch(name, change):: {
    spec+: {
      template+: {
        spec+: {
          containers: [
            if container.name == name then container + change else container
            for container in super.containers
          ],
        },
      },
    },
  },
}
