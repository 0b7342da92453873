"""The tests: `unit` needs nothing, `integration` and `acceptance` use embedded servers, `support` helps them all."""
