print("pkgmill")
