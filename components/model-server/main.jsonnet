// Serves models. One model or ten: the objects are written once and made for each entry of the list.
local k = import 'k.libsonnet';
local sizes = import 'sizes.libsonnet';  // beside this file

{
  config:: {
    image: 'registry.example.com/ai/model-server:0.9.3',
    weights: 's3://ai-models',
    // Each entry: { name, task, version, size, replicas }.
    models: [],
  },
  local config = self.config,

  // Every model gets the same group of objects, under its own name.
  local serve(model) = {
    local group = self,
    local name = 'model-' + model.name,

    identity: k.identity(name, config.namespace),

    settings: k.configMap(name, {
      'model.json': std.manifestJson({
        name: model.name,
        task: model.task,
        weights: '%s/%s/%s' % [config.weights, model.name, model.version],
      }),
    }),

    deployment: k.deployment(
      name,
      model.replicas,
      k.template(
        name,
        k.pod(name, [
          k.container(
            'server',
            config.image,
            sizes[model.size],
            port=8000,
            mounts={ settings: '/etc/model', weights: '/weights' },
          ),
        ], volumes=[
          { name: 'settings', configMap: { name: name } },
          { name: 'weights', emptyDir: {} },
        ]) {
          priorityClassName: 'ai-serving',
        },
        settings=group.settings,
      ),
    ),

    service: k.service(name),

    // The kind that the component `cluster` defines. Others look models up through it.
    model: k.object('ai.example.com/v1alpha1', 'Model', model.name) {
      spec: { task: model.task, version: model.version, service: name },
    },
  },

  // Keyed by name, so that an overlay can reach one of them: `models+: { chat+: { … } }`.
  models: { [model.name]: serve(model) for model in config.models },
}
