"""Late data: which days lack rows or are stale, and the healer that repairs them."""
