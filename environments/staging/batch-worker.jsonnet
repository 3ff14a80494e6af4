// staging proves that a reindex works. It runs once a week, so a failed one is kept for a look.
{
  reindex+: {
    spec+: { failedJobsHistoryLimit: 5, successfulJobsHistoryLimit: 1 },
  },
}
