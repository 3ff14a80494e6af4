"""What a source tree says: settings, environments, locks, pauses, tips of deploy branches."""
