// The tests of FlatPackage.
