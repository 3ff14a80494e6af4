// An overlay is mixed into the component: `+:` goes into an object and keeps what it does not name.
// An overlay of `base` counts for every environment that extends it.
{
  namespace+: {
    metadata+: {
      annotations+: { 'ai.example.com/owner': 'platform-team' },
    },
  },
}
