import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import NodeInstaller

@Suite struct PayloadRefusalTests {
    @Test("a folder that is not there is refused by name")
    func missing() async throws {
        try await withPayload { payload in
            let path = payload.path + "/nowhere"
            #expect(throws: PayloadError.missing(folder: path)) { try PayloadDirectory.scan(path: path) }
        }
    }

    @Test("a file in the place of the folder is refused")
    func notAFolder() async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            let path = payload.path + "/file"
            #expect(throws: PayloadError.notAFolder(path)) { try PayloadDirectory.scan(path: path) }
        }
    }

    @Test("a path with NUL and an empty path are refused", arguments: ["a\0b", ""])
    func odd(path: String) {
        #expect(throws: PayloadError.self) { try PayloadDirectory.scan(path: path) }
    }

    @Test("a folder without a file is empty, whatever else it holds")
    func empty() async throws {
        try await withPayload { payload in
            #expect(throws: PayloadError.empty(folder: payload.path)) { try payload.scan() }
            try payload.folder("a/b")
            try payload.link("a/link", to: "b")
            try payload.file(".DS_Store", "x")
            #expect(throws: PayloadError.empty(folder: payload.path)) { try payload.scan() }
        }
    }

    @Test("sockets, named pipes and devices are refused by path and kind")
    func kinds() async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            try payload.pipe("var/pipe")
            try payload.socket("var/socket")
            var expected: [PayloadProblem] = [
                .unpackable(path: "var/pipe", kind: .fifo), .unpackable(path: "var/socket", kind: .socket),
            ]
            // Only root makes devices; /dev shows their kinds to everybody.
            if geteuid() == 0 {
                try #require(mknod(payload.path + "/disk", S_IFBLK | 0o600, 0) == 0)
                try #require(mknod(payload.path + "/null", S_IFCHR | 0o600, 0) == 0)
                expected =
                    [
                        .unpackable(path: "disk", kind: .blockDevice),
                        .unpackable(path: "null", kind: .characterDevice),
                    ] + expected
            }
            #expect(throws: payload.refusal(expected)) { try payload.scan() }
            #expect(try Directory.open("/dev").status(of: "null")?.kind == .characterDevice)
        }
    }

    @Test("two names of one file are refused; a file with its other name outside is copied")
    func hardLinks() async throws {
        try await withPayload { payload in
            try await withPayload { outside in
                try outside.file("store", "content")
                try payload.hardLink("lib/a", to: outside.path + "/store")
                let scanned = try payload.scan()
                #expect(try bytes(of: payload.source("lib/a", in: scanned)) == Array("content".utf8))
                try payload.hardLink("lib/b", to: outside.path + "/store")
                try payload.hardLink("lib/c", to: outside.path + "/store")
                #expect(
                    throws: payload.refusal([
                        .hardLink(path: "lib/b", other: "lib/a"), .hardLink(path: "lib/c", other: "lib/a"),
                    ])
                ) { try payload.scan() }
            }
        }
    }

    @Test(
        "set-user-id, set-group-id and sticky bits are refused wherever they are",
        arguments: [0o4755, 0o2755, 0o1755, 0o7644] as [UInt16])
    func specialBits(mode: UInt16) async throws {
        try await withPayload { payload in
            try payload.file("bin/tool", "x")
            try payload.setMode("bin/tool", mode)
            try payload.setMode("bin", 0o1777)
            #expect(
                throws: payload.refusal([
                    .specialBits(path: "bin", mode: 0o1777), .specialBits(path: "bin/tool", mode: mode),
                ])
            ) { try payload.scan() }
        }
    }

    @Test("special bits of the payload folder itself are refused")
    func specialBitsOfRoot() async throws {
        try await withPayload { payload in
            try payload.file("tool", "x")
            try payload.setMode("", 0o2755)
            #expect(throws: payload.refusal([.specialBits(path: ".", mode: 0o2755)])) { try payload.scan() }
        }
    }

    @Test("files and folders that cannot be opened, listed or read are refused by path")
    func unreadable() async throws {
        try await withPayload { payload in
            try payload.file("a/hidden", "x")
            try payload.file("closed/inner", "x")
            try payload.file("z", "x")
            let faults = DiskFaults { operation, path throws(SystemError) in
                let isHit =
                    (operation == .open && path.hasSuffix("/a/hidden"))
                    || (operation == .list && path.hasSuffix("/closed"))
                    || (operation == .open && path.hasSuffix("/z"))
                if isHit { throw SystemError(operation: operation.rawValue, path: path, code: EACCES) }
            }
            func error(_ operation: String, _ path: String) -> SystemError {
                SystemError(operation: operation, path: payload.path + "/" + path, code: EACCES)
            }
            #expect(
                throws: payload.refusal([
                    .unreadable(path: "a/hidden", error: error("open", "a/hidden")),
                    .unreadable(path: "closed", error: error("list", "closed")),
                    .unreadable(path: "z", error: error("open", "z")),
                ])
            ) { try payload.scan(faults: faults) }
        }
    }

    @Test("a failing disk at any step of a scan is an error and never a smaller payload")
    func anyFault() async throws {
        try await withPayload { payload in
            try payload.sample(files: 0o644, programs: 0o755, folders: 0o755)
            let steps = Mutex(0)
            _ = try payload.scan(faults: DiskFaults { _, _ in steps.withLock { $0 += 1 } })
            let stepCount = steps.withLock { $0 }
            try #require(stepCount > 20)
            for failing in 0..<stepCount {
                let step = Mutex(0)
                let faults = DiskFaults { operation, path throws(SystemError) in
                    let number = step.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    if number == failing { throw SystemError(operation: operation.rawValue, path: path, code: EIO) }
                }
                #expect(throws: PayloadError.self, "step \(failing)") { try payload.scan(faults: faults) }
            }
        }
    }

    @Test("a payload folder that cannot be opened or listed is refused", arguments: [DiskOperation.open, .list])
    func unreadableRoot(failing: DiskOperation) async throws {
        try await withPayload { payload in
            try payload.file("a", "x")
            let faults = DiskFaults { operation, path throws(SystemError) in
                if operation == failing { throw SystemError(operation: "try", path: path, code: EACCES) }
            }
            let error = SystemError(operation: "try", path: payload.path, code: EACCES)
            #expect(throws: PayloadError.unreadable(folder: payload.path, error: error)) {
                try payload.scan(faults: faults)
            }
        }
    }

    @Test("a folder mounted below itself is refused", .enabled(if: geteuid() == 0, "only root mounts"))
    func holdsItself() async throws {
        try await withPayload { payload in
            try payload.file("a", "x")
            try payload.folder("b/c")
            try #require(try run("mount", ["--bind", payload.path, payload.path + "/b/c"]).status == 0)
            defer { _ = try? run("umount", [payload.path + "/b/c"]) }  // the folder's removal would fail, and say so
            #expect(throws: payload.refusal([.holdsItself(path: "b/c")])) { try payload.scan() }
        }
    }

    @Test("folders and links with the names of companion files are refused")
    func companionFolders() async throws {
        try await withPayload { payload in
            try payload.file("._folder/a", "x")
            try payload.link("._link", to: "a")
            #expect(
                throws: payload.refusal([
                    .companionName(path: "._folder", kind: .directory),
                    .companionName(path: "._link", kind: .symbolicLink),
                ])
            ) { try payload.scan() }
        }
    }

    @Test("every problem is told at once, the first twenty by name")
    func allTogether() async throws {
        try await withPayload { payload in
            for number in 10..<35 { try payload.pipe("pipe\(number)") }
            let expected = PayloadError.refused(
                folder: payload.path,
                problems: (10..<30).map { .unpackable(path: "pipe\($0)", kind: .fifo) }, count: 25)
            #expect(throws: expected) { try payload.scan() }
            let lines = expected.description.split(separator: "\n")
            #expect(lines.count == 22)
            #expect(lines.first == "the payload folder \(payload.path) cannot be packed; it has 25 problems:")
            #expect(lines.dropFirst().first == "  pipe10 is a named pipe, which no package can hold; remove it")
            #expect(lines.last == "  and 5 more")
        }
    }

    @Test("problems of different kinds are told together, and no link is blamed for the file that it leads to")
    func different() async throws {
        try await withPayload { payload in
            try payload.link("a", to: "pipe")
            try payload.link("b", to: "plain")
            try payload.link("c", to: "nowhere")
            try payload.pipe("pipe")
            try payload.file("plain", "x")
            try payload.file("suid", "x")
            try payload.setMode("suid", 0o4755)
            #expect(
                throws: payload.refusal([
                    .unpackable(path: "pipe", kind: .fifo), .specialBits(path: "suid", mode: 0o4755),
                    .linkDangles(path: "c", target: "nowhere"),
                ])
            ) { try payload.scan() }
        }
    }

    @Test("an error names path, kind and what to do, on one line whatever the path holds")
    func wording() {
        let only = PayloadError.refused(
            folder: "/p", problems: [.linkLeadsOut(path: "a", target: "/etc/passwd")], count: 1)
        #expect(
            only.description == "the payload folder /p cannot be packed: a is a symbolic link out of the payload, to "
                + "/etc/passwd; make it relative and keep it inside")
        #expect(
            PayloadProblem.specialBits(path: "a", mode: 0o7755).description.hasPrefix(
                "a has set-user-id and set-group-id and sticky set"))
        #expect(PayloadProblem.nameHolds(path: "a\\u{a}b", scalar: 10).description.hasPrefix("a\\u{a}b has U+000A in"))
    }
}
