// The tests of Interop.
