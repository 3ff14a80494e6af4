"""One file per verb: options in, a result value out, no printing. Ports only, no adapters."""
