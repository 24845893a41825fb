import Foundation
import HTTP
import System
import TestSupport
import Testing

/// Bodies that are put in files.
@Suite struct BodyFileTests {
    private func settings(_ folder: String) -> HTTPServer.Settings {
        var settings = HTTPServer.Settings()
        settings.bodyFolder = folder
        return settings
    }

    @Sendable private static func allowed() -> BodyPlace {
        let permit = BodyPermit()
        permit.allow()
        return .file(permit)
    }

    /// Answers with the length of the body and its first and last byte, as the file has them.
    private static func told(_ request: HTTPRequest) -> HTTPAnswer {
        guard let file = request.bodyFile, let size = try? file.status().byteCount,
            let first = try? file.read(1, at: 0), let last = try? file.read(1, at: max(0, size - 1))
        else { return .now(HTTPResponse(.ok, text: "none, \(request.body.count) in memory")) }
        let ends = String(decoding: first + last, as: UTF8.self)
        return .now(HTTPResponse(.ok, text: "\(size) \(ends) \(request.body.count)"))
    }

    @Test(
        "a body comes whole, by its length or in chunks, and leaves no file behind", arguments: [1, 65_536, 5_000_000])
    func whole(size: Int) async throws {
        try await withTemporaryDirectory { path in
            let folder = path + "/bodies"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            var body = [UInt8](repeating: UInt8(ascii: "m"), count: size)
            body[0] = UInt8(ascii: "a")
            body[size - 1] = UInt8(ascii: "z")
            try writeFile(path + "/body", body)
            try await TestServer.run(
                settings: settings(folder), bodyLimit: 5_000_000, bodyPlace: Self.allowed, answer: Self.told
            ) { test in
                for more in [[], ["-H", "Transfer-Encoding: chunked"]] {
                    let result = try run(
                        "curl", ["-sS", "-m", "60", "--data-binary", "@\(path)/body"] + more + [test.url + "/a"])
                    #expect(result.text == "\(size) \(size > 1 ? "a" : "z")z 0", "\(result.errorText)")
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            }
        }
    }

    @Test("one that is too long is refused, whether it says so or not; a request without one has no file")
    func bounds() async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/body", [UInt8](repeating: 0x61, count: 100_001))
            try await TestServer.run(
                settings: settings(path), bodyLimit: 100_000, bodyPlace: Self.allowed, answer: Self.told
            ) { test in
                for more in [[], ["-H", "Transfer-Encoding: chunked"]] {
                    let result = try run(
                        "curl",
                        [
                            "-sS", "-m", "60", "-w", "%{http_code}", "-o", path + "/answer", "--data-binary",
                            "@\(path)/body",
                        ]
                            + more + [test.url + "/a"])
                    #expect(result.text == "413", "\(result.errorText)")
                }
                #expect(try run("curl", ["-sS", "-m", "60", test.url + "/a"]).text == "none, 0 in memory")
            }
        }
    }

    @Test("where there is no room for it, the client hears that it may ask again")
    func noRoom() async throws {
        try await TestServer.run(settings: settings("/nowhere/at/all"), bodyPlace: Self.allowed, answer: Self.told) {
            test in
            let result = try run(
                "curl", ["-sS", "-m", "60", "-D", "-", "-d", "a=b", test.url + "/a"])
            #expect(result.text.contains(" 503 ") && result.text.contains("\"retryable\":true"), "\(result.text)")
            #expect(!result.text.contains("nowhere"))
            #expect(test.handler.requests.isEmpty)
        }
    }

    @Test(
        "of somebody who may not bring it nothing is kept, and it is told as soon as it is known",
        arguments: [10, 900_000, 3_000_000])
    func refused(size: Int) async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/body", [UInt8](repeating: 0x61, count: size))
            for isKnownAtOnce in [true, false] {
                let place: @Sendable () -> BodyPlace = {
                    let permit = BodyPermit()
                    let refuse: @Sendable () -> Void = {
                        permit.refuse(Problem(.unauthorized, "unauthorized", "who is that").response(trace: nil))
                    }
                    if isKnownAtOnce {
                        refuse()
                    } else {
                        Thread.detachNewThread {
                            usleep(1000)
                            refuse()
                        }
                    }
                    return .file(permit)
                }
                try await TestServer.run(
                    settings: settings("/nowhere/at/all"), bodyLimit: 5_000_000, bodyPlace: place, answer: Self.told
                ) { test in
                    let result = try run(
                        "curl",
                        [
                            "-sS", "-m", "60", "-w", "%{http_code}", "-o", path + "/answer", "--limit-rate", "2M",
                            "--data-binary", "@\(path)/body", test.url + "/a",
                        ])
                    // A client that goes on sending all the same is cut off once a MiB has been dropped.
                    let isCut = size > 1_000_000 && result.status != 0
                    #expect(
                        result.text == "401" || isCut || !isKnownAtOnce && result.text == "503", "\(result.errorText)")
                    #expect(test.handler.requests.isEmpty)
                }
            }
        }
    }

    @Test("while it is not known who brings it, a body of a MiB waits in memory, and a longer one is not taken")
    func pending() async throws {
        try await withTemporaryDirectory { path in
            try await TestServer.run(
                settings: settings(path), bodyLimit: 5_000_000, bodyPlace: { .file(BodyPermit()) }, answer: Self.told
            ) { test in
                for (size, expected) in [(1 << 20, "200"), (1 << 20 + 1, "503")] {
                    try writeFile(path + "/body", [UInt8](repeating: 0x61, count: size))
                    let result = try run(
                        "curl",
                        [
                            "-sS", "-m", "60", "-w", "%{http_code}", "-o", path + "/answer", "--data-binary",
                            "@\(path)/body", test.url + "/a",
                        ])
                    #expect(result.text == expected, "\(size) \(result.errorText)")
                }
                #expect(test.handler.requests.count == 1)
            }
        }
    }
}
