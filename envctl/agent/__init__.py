"""The agent: source, plan, apply, observe, heal, report (design §6). Knows ports, never adapters."""
