"""How outside rows become rows of `raw.*`: files and micro-batches, parsed, numbered and committed."""
