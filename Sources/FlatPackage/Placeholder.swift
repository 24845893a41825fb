// The room FlatPackage.
