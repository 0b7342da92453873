"""A shop that sells until it is sold out."""
