"""The heavy operations behind one small bundle: a plain reference that defines truth and a fast path compared with it."""
