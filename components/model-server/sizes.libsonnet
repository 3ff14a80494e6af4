// How much a model of a size needs. Environments choose a size; the numbers stand here, once.
{
  small: { cpu: '250m', memory: '1Gi' },
  medium: { cpu: '1', memory: '4Gi' },
  large: { cpu: '2', memory: '8Gi' },
}
