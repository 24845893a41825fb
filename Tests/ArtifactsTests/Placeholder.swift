// The tests of Artifacts.
