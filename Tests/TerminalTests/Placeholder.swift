// The tests of Terminal.
