import Foundation
import System
import Testing

@testable import NodeInstaller

@Suite struct PayloadOverlapTests {
    @Test("the farm's own data inside the payload is refused, and not read")
    func inside() async throws {
        try await withPayload { payload in
            try payload.file("bin/pkgmill", "x")
            try payload.file("data/keys/master", "secret")
            try payload.file("data/pkgmill.db", "rows")
            let keys = payload.path + "/data/keys"
            let database = payload.path + "/data/pkgmill.db"
            let faults = DiskFaults { operation, path throws(SystemError) in
                if path.hasSuffix("/master") { throw SystemError(operation: "touch", path: path, code: EIO) }
            }
            #expect(
                throws: payload.refusal([
                    .farmData(path: "data/keys", farmPath: keys),
                    .farmData(path: "data/pkgmill.db", farmPath: database),
                ])
            ) {
                try PayloadDirectory.scan(path: payload.path, mustNotContain: [keys, database], faults: faults)
            }
        }
    }

    @Test("a payload that is the farm's own folder, or holds where it will be, is refused")
    func same() async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            for own in [payload.path, payload.path + "/./", payload.path + "/later/keys"] {
                #expect(throws: payload.refusal([.farmData(path: ".", farmPath: own)])) {
                    try PayloadDirectory.scan(path: payload.path, mustNotContain: [own])
                }
            }
        }
    }

    @Test("the farm's data is recognised behind a symbolic link")
    func behindLink() async throws {
        try await withPayload { payload in
            try await withPayload { farm in
                try payload.file("hidden/keys/master", "secret")
                try payload.file("file", "x")
                try farm.link("keys", to: payload.path + "/hidden/keys")
                let own = farm.path + "/keys"
                #expect(throws: payload.refusal([.farmData(path: "hidden/keys", farmPath: own)])) {
                    try PayloadDirectory.scan(path: payload.path, mustNotContain: [own])
                }
            }
        }
    }

    @Test("farm data beside the payload, above it, or with a name that begins alike, is no overlap")
    func beside() async throws {
        try await withPayload { farm in
            try farm.file("payload/file", "x")
            try farm.file("payload-keys/master", "x")
            try farm.file("pkgmill.db", "x")
            let own = ["/payload-keys", "/pkgmill.db", "/later/artifacts", "/pkgmill.db/below"].map { farm.path + $0 }
            let scanned = try PayloadDirectory.scan(path: farm.path + "/payload", mustNotContain: own)
            #expect(scanned.fileCount == 1)
        }
    }

    @Test("farm data that cannot be looked at is an error")
    func unknown() async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            let faults = DiskFaults { operation, path throws(SystemError) in
                if path == "/farm/keys" { throw SystemError(operation: "open", path: path, code: EACCES) }
            }
            let error = SystemError(operation: "open", path: "/farm/keys", code: EACCES)
            #expect(throws: PayloadError.farmDataNotFound(path: "/farm/keys", error: error)) {
                try PayloadDirectory.scan(path: payload.path, mustNotContain: ["/farm/keys"], faults: faults)
            }
        }
    }
}
