// Nobody needs the vectors of dev tomorrow, so it has no disks. Structure is changed by an
// overlay; a value that several environments choose is better off in `config`.
{
  statefulSet+: {
    spec+: {
      volumeClaimTemplates:: null,  // two colons hide the field: it is no output any more
      template+: { spec+: { volumes+: [{ name: 'data', emptyDir: {} }] } },
    },
  },
}
