// swift-tools-version:6.1
// The architecture on one screen: every room and what it may import. Imports go down only, and there is no
// package dependency: the libraries at the bottom are the system's, reached by module maps.

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A room: `Sources/NAME`, its README beside the code.
func room(_ name: String, imports: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: imports, exclude: ["README.md"], resources: resources, swiftSettings: settings)
}

/// The tests of one room, or of several together.
func tests(_ name: String, of rooms: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: rooms + ["TestSupport"], swiftSettings: settings)
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

let package = Package(
    name: "pkgmill",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "pkgmill", targets: ["pkgmill"])],
    targets: [
        // The executable: parse, choose concrete types, wire, run.
        .executableTarget(
            name: "pkgmill",
            dependencies: [
                "Enqueuer", "BuildWorker", "Relocation", "QueueModel", "Artifacts", "NodeInstaller", "Keyring",
                "Access", "Configuration", "FlatPackage", "HTTP", "WebClient", "Records", "SQLiteStore", "RedisLink",
                "Terminal", "JSON", "Crypto", "System",
            ],
            exclude: ["README.md"], swiftSettings: settings),

        // Ends: the only rooms that know several subjects.
        room(
            "Enqueuer",
            imports: [
                "QueueModel", "Artifacts", "NodeInstaller", "Keyring", "Access", "FlatPackage", "Configuration", "HTTP",
                "JSON", "Crypto", "System",
            ]),
        room(
            "BuildWorker",
            imports: [
                "QueueModel", "Artifacts", "NodeInstaller", "Keyring", "FlatPackage", "JSON", "Crypto", "System",
            ]),
        room("Relocation", imports: ["QueueModel", "Records", "JSON", "Crypto", "System"]),

        // Subjects: never import one another.
        room("QueueModel", imports: ["SQLiteStore", "RedisLink", "JSON", "Crypto", "System"]),
        room("Artifacts", imports: ["Records", "JSON", "Crypto", "System"]),
        room("NodeInstaller", imports: ["FlatPackage", "Configuration", "JSON", "Crypto", "System"]),
        room("Keyring", imports: ["Records", "JSON", "Crypto", "System"]),
        room("Access", imports: ["Records", "JSON", "Crypto", "System"]),

        // Formats: bytes and documents; no subject.
        room("FlatPackage", imports: ["Crypto", "System", "CDeflate", "CZlib"]),
        room("Configuration", imports: ["Crypto", "System", "CYAML"]),
        room("Records", imports: ["SQLiteStore", "RedisLink", "System"]),
        room("HTTP", imports: ["JSON", "System", "CMicroHTTPD"]),
        room("WebClient", imports: ["Crypto", "System", "CCurl"]),

        // System: stores, the operating system, the terminal, libcrypto behind Swift types.
        room("SQLiteStore", imports: ["System", "CSQLite"]),
        room("RedisLink", imports: ["System", "CHiredis", "CSSL"]),
        room("Terminal", imports: ["System"]),
        room("JSON"),
        room("Crypto", imports: ["CCrypto"]),
        room("System", imports: ["CSystem"]),

        // C: module map and shim header, one importing room each.
        .systemLibrary(name: "CSystem"),
        systemLibrary("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev", brew: "sqlite"),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        systemLibrary("CSSL", pkgConfig: "libssl", apt: "libssl-dev", brew: "openssl@3"),
        systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev", brew: "openssl@3"),
        systemLibrary(
            "CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev", brew: "libmicrohttpd"),
        systemLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev", brew: "curl"),
        systemLibrary("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev", brew: "libdeflate"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev", brew: "zlib"),
        systemLibrary("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev", brew: "libyaml"),

        // Tests: one target for each room, then our bytes read by others' tools, then the whole.
        .target(
            name: "TestSupport", dependencies: ["System"], path: "Tests/TestSupport",
            swiftSettings: settings),
        .target(
            name: "QueueTestSupport", dependencies: ["QueueModel", "Records", "RedisLink", "TestSupport", "System"],
            path: "Tests/QueueTestSupport",
            swiftSettings: settings),
        tests("SystemTests", of: ["System"]),
        tests("CryptoTests", of: ["Crypto"]),
        tests("JSONTests", of: ["JSON"]),
        tests("TerminalTests", of: ["Terminal"]),
        tests("SQLiteStoreTests", of: ["SQLiteStore", "System"]),
        tests("RedisLinkTests", of: ["RedisLink", "System"]),
        tests("RecordsTests", of: ["Records", "QueueTestSupport", "RedisLink", "SQLiteStore", "System"]),
        tests("HTTPTests", of: ["HTTP", "JSON", "System"]),
        tests("ConfigurationTests", of: ["Configuration", "Crypto", "System"]),
        tests("FlatPackageTests", of: ["FlatPackage", "Crypto", "System"]),
        tests("KeyringTests", of: ["Keyring", "Records", "Crypto", "System"]),
        tests("AccessTests", of: ["Access", "Records", "JSON", "Crypto", "System"]),
        tests("ArtifactsTests", of: ["Artifacts", "Records", "JSON", "Crypto", "System"]),
        tests("QueueModelTests", of: ["QueueModel", "QueueTestSupport", "RedisLink", "SQLiteStore", "JSON", "System"]),
        tests("NodeInstallerTests", of: ["NodeInstaller", "FlatPackage", "Configuration", "JSON", "Crypto", "System"]),
        tests(
            "EnqueuerTests",
            of: [
                "Enqueuer", "HTTP", "QueueModel", "NodeInstaller", "Keyring", "Access", "Configuration", "Records",
                "QueueTestSupport", "JSON", "Crypto", "System",
            ]),
        tests(
            "BuildWorkerTests",
            of: [
                "BuildWorker", "QueueModel", "Artifacts", "NodeInstaller", "Keyring", "Configuration", "FlatPackage",
                "Records", "QueueTestSupport", "SQLiteStore", "Crypto", "System",
            ]),
        tests(
            "RelocationTests",
            of: ["Relocation", "QueueModel", "Records", "QueueTestSupport", "JSON", "Crypto", "System"]),
        tests("InteropTests", of: ["FlatPackage", "NodeInstaller", "Configuration", "Crypto", "System"]),
        tests("EndToEndTests", of: ["JSON", "System", "pkgmill"]),
    ],
    swiftLanguageModes: [.v6]
)
