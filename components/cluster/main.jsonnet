// What exists once in a cluster, whatever runs in it.
//
// It is a component of its own because these objects can have one owner only, even where
// several environments share a cluster.
local k = import 'k.libsonnet';

{
  // Kubernetes learns a new kind: a model that is being served. envctl applies a
  // CustomResourceDefinition and waits until the API server accepts it before any object of it.
  models: k.object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'models.ai.example.com') {
    spec: {
      group: 'ai.example.com',
      scope: 'Namespaced',
      names: { kind: 'Model', listKind: 'ModelList', plural: 'models', singular: 'model' },
      versions: [{
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: import 'model.schema.json' },
        additionalPrinterColumns: [
          { name: 'Task', type: 'string', jsonPath: '.spec.task' },
          { name: 'Version', type: 'string', jsonPath: '.spec.version' },
        ],
      }],
    },
  },

  // Objects may also come as a `List`, the way `kubectl get -o yaml` prints them.
  // When a cluster is full, batch work waits and requests of users go on.
  priorities: {
    local priority(name, value, description) =
      k.object('scheduling.k8s.io/v1', 'PriorityClass', name) { value: value, description: description },

    apiVersion: 'v1',
    kind: 'List',
    items: [
      priority('ai-serving', 100000, 'Answers requests of users.'),
      priority('ai-batch', 1000, 'Work that can wait.'),
    ],
  },
}
