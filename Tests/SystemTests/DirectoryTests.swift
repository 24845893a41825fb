import Foundation
import System
import TestSupport
import Testing

@Suite struct DirectoryTests {
    @Test(
        "a name that is no single component is refused by every call, and nothing is made",
        arguments: ["", ".", "..", "a/b", "/", "/etc", "a\0b", "../x"])
    func names(name: String) async throws {
        try await withFolder { folder in
            try folder.createFile("file").write([1])
            let calls: [(DiskOperation, () throws -> Void)] = [
                (.open, { _ = try folder.directory(name) }), (.open, { _ = try folder.openFile(name) }),
                (.create, { _ = try folder.createFile(name) }), (.create, { _ = try folder.openOrCreateFile(name) }),
                (.makeDirectory, { try folder.makeDirectory(name) }), (.status, { _ = try folder.status(of: name) }),
                (.read, { _ = try folder.linkTarget(of: Array(name.utf8)) }),
                (.link, { try folder.makeLink(name, to: "x") }), (.remove, { _ = try folder.remove(name) }),
                (.remove, { _ = try folder.removeDirectory(name) }),
                (.rename, { try folder.rename(name, to: "new", replacing: true) }),
                (.rename, { try folder.rename("file", to: name, replacing: true) }),
                (.rename, { try folder.rename("file", to: name, replacing: false) }),
            ]
            for (operation, call) in calls {
                let error = SystemError(
                    operation: operation.rawValue, path: folder.path + "/" + name, code: EINVAL)
                #expect(throws: error) { try call() }
            }
            #expect(filesBelow(folder.path) == ["file"])
        }
    }

    @Test("a symbolic link is never followed, wherever it leads", arguments: ["target", "inner", "nowhere", "link"])
    func links(target: String) async throws {
        try await withFolder { folder in
            try folder.createFile("target").write(Array("kept".utf8))
            try folder.makeDirectory("inner")
            try folder.makeLink("link", to: target)
            #expect(throws: SystemError.self) { try folder.directory("link") }
            #expect(throws: folder.error("open", "link", ELOOP)) { try folder.openFile("link") }
            #expect(throws: folder.error("create", "link", EEXIST)) { try folder.createFile("link") }
            #expect(throws: folder.error("open", "link", ELOOP)) { try folder.openOrCreateFile("link") }
            #expect(throws: folder.error("create the folder", "link", EEXIST)) { try folder.makeDirectory("link") }
            #expect(try folder.status(of: "link")?.kind == .symbolicLink)
            #expect(try folder.linkTarget(of: Array("link".utf8)) == Array(target.utf8))
            try folder.createFile("new").write(Array("new".utf8))
            #expect(throws: SystemError.self) { try folder.rename("new", to: "link", replacing: false) }
            try folder.rename("new", to: "link", replacing: true)
            #expect(try contentOfFile(folder.path + "/link") == Array("new".utf8))
            #expect(try contentOfFile(folder.path + "/target") == Array("kept".utf8))
            #expect(filesBelow(folder.path) == ["inner/", "link", "target"])
        }
    }

    @Test("a link is removed, and not what it leads to")
    func removingLinks() async throws {
        try await withFolder { folder in
            try folder.createFile("target").write([1])
            try folder.makeLink("link", to: "target")
            #expect(try folder.remove("link"))
            #expect(filesBelow(folder.path) == ["target"])
        }
    }

    @Test("a named pipe is opened without waiting for a writer, and known as one")
    func pipes() async throws {
        try await withFolder { folder in
            try #require(mkfifo(folder.path + "/pipe", 0o600) == 0)
            #expect(try folder.openFile("pipe").status().kind == .fifo)
            #expect(try File.open(folder.path + "/pipe").status().kind == .fifo)
            #expect(try folder.openOrCreateFile("pipe").status().kind == .fifo)
            #expect(throws: folder.error("read", "pipe", ESPIPE)) { try folder.openFile("pipe").readAll(limit: 10) }
        }
    }

    @Test(
        "files and folders have exactly the mode asked for, whatever the umask",
        arguments: [0o000, 0o022, 0o077, 0o777] as [mode_t])
    func umasks(mask: mode_t) async throws {
        try await withFolder { folder in
            try await withOwnSurroundings(umask: mask) {
                for mode in [0o600, 0o644, 0o755, 0o400, 0o777] as [UInt16] {
                    #expect(try folder.createFile("file\(mode)", mode: mode).status().mode == mode)
                    #expect(try folder.openOrCreateFile("other\(mode)", mode: mode).status().mode == mode)
                }
                for mode in [0o700, 0o755, 0o777] as [UInt16] {
                    try folder.makeDirectory("folder\(mode)", mode: mode)
                    #expect(try folder.status(of: "folder\(mode)")?.mode == mode)
                }
                let deep = try Directory.openOrCreate(folder.path + "/a/b/c", mode: 0o710)
                #expect(try deep.status().mode == 0o710)
                #expect(try folder.status(of: "a")?.mode == 0o710)
            }
        }
    }

    @Test("of many who create one file, one succeeds and the others are told")
    func creation() async throws {
        try await withFolder { folder in
            try folder.createFile("file").write(Array("first".utf8))
            #expect(throws: folder.error("create", "file", EEXIST)) { try folder.createFile("file") }
            #expect(try contentOfFile(folder.path + "/file") == Array("first".utf8))
            let winners = await concurrently(16) { _ in (try? folder.createFile("contested")) != nil }
            #expect(winners == 1)
        }
    }

    @Test("a rename without replacing refuses every taken name and leaves both as they were")
    func exclusiveRename() async throws {
        try await withFolder { folder in
            try folder.createFile("new").write(Array("new".utf8))
            try folder.createFile("file").write(Array("old".utf8))
            try folder.makeDirectory("folder")
            try folder.makeLink("dangling", to: "nowhere")
            for taken in ["file", "folder", "dangling"] {
                #expect(throws: folder.error("rename a file to", taken, EEXIST)) {
                    try folder.rename("new", to: taken, replacing: false)
                }
            }
            #expect(try contentOfFile(folder.path + "/new") == Array("new".utf8))
            #expect(try contentOfFile(folder.path + "/file") == Array("old".utf8))
            try folder.rename("new", to: "free", in: try folder.directory("folder"), replacing: false)
            #expect(filesBelow(folder.path) == ["dangling", "file", "folder/", "folder/free"])
            #expect(throws: folder.error("rename a file to", "x", ENOENT)) {
                try folder.rename("new", to: "x", replacing: false)
            }
        }
    }

    @Test("of many who rename to one name without replacing, one succeeds")
    func contestedRename() async throws {
        try await withFolder { folder in
            let winners = await concurrently(16) { number in
                do throws(SystemError) {
                    try folder.createFile("own\(number)").write([UInt8(number)])
                    try folder.rename("own\(number)", to: "prize", replacing: false)
                    return true
                } catch {
                    #expect(error == folder.error("rename a file to", "prize", EEXIST))
                    return false
                }
            }
            #expect(winners == 1)
            #expect(filesBelow(folder.path).count == 16)
        }
    }

    @Test("a rename that replaces puts the new file in the place of the old one")
    func replacingRename() async throws {
        try await withFolder { folder in
            try folder.createFile("new").write(Array("new".utf8))
            try folder.createFile("file").write(Array("old".utf8))
            try folder.rename("new", to: "file", replacing: true)
            #expect(filesBelow(folder.path) == ["file"])
            #expect(try contentOfFile(folder.path + "/file") == Array("new".utf8))
        }
    }

    @Test("parents are made where they are missing and left alone where they are")
    func parents() async throws {
        try await withFolder { folder in
            try folder.makeDirectory("there", mode: 0o755)
            _ = try Directory.openOrCreate(folder.path + "/there/a//b/", mode: 0o700)
            #expect(try folder.status(of: "there")?.mode == 0o755)
            #expect(filesBelow(folder.path) == ["there/", "there/a/", "there/a/b/"])
            try folder.createFile("file").write([1])
            #expect(throws: folder.error("open", "file/below", ENOTDIR)) {
                try Directory.openOrCreate(folder.path + "/file/below")
            }
            try folder.makeLink("dangling", to: "nowhere")
            #expect(throws: folder.error("open", "dangling", ENOENT)) {
                try Directory.openOrCreate(folder.path + "/dangling")
            }
        }
    }

    @Test("relative paths are made below the working folder")
    func relative() async throws {
        try await withFolder { folder in
            let path = folder.path
            try await withOwnSurroundings(in: path) {
                _ = try Directory.openOrCreate("a/b")
                _ = try Directory.openOrCreate("./c")
            }
            #expect(filesBelow(path) == ["a/", "a/b/", "c/"])
        }
    }

    @Test(
        "a root or working folder that is not there is an error and no endless search",
        arguments: ["/a", "a", ".", "/"])
    func noParent(path: String) {
        let faults = DiskFaults { _, path throws(SystemError) in
            throw SystemError(operation: "open", path: path, code: ENOENT)
        }
        let top = path.hasPrefix("/") ? "/" : "."
        #expect(throws: SystemError(operation: "open", path: top, code: ENOENT)) {
            try Directory.openOrCreate(path, faults: faults)
        }
    }

    @Test("nothing is made below a working folder that was removed", arguments: ["a/b", "a", ""])
    func removedWorkingFolder(path: String) async throws {
        try await withFolder { folder in
            try folder.makeDirectory("gone")
            try await withOwnSurroundings(in: folder.path + "/gone") {
                try #require(rmdir(folder.path + "/gone") == 0)
                #expect(throws: SystemError.self) { try Directory.openOrCreate(path) }
            }
        }
    }

    @Test("names come in byte order, whatever bytes they are, as often as they are asked for")
    func listing() async throws {
        try await withFolder { folder in
            #expect(try folder.entries() == [])
            let names: [[UInt8]] = [[0x2D], [0x41], Array("\u{E9}".utf8), [0x61, 0xFF], [0x7A], [0xFE]]
            for name in names.reversed() { try newFile(folder.path, name) }
            let sorted = names.sorted { $0.lexicographicallyPrecedes($1) }
            #expect(try folder.entries() == sorted)
            #expect(try folder.entries() == sorted)
            #expect(try folder.entries(limit: 6).count == 6)
            #expect(throws: SystemError(operation: "list", path: folder.path, code: EOVERFLOW)) {
                try folder.entries(limit: 5)
            }
            #expect(try folder.openFile([0x61, 0xFF]).status().kind == .regular)
            #expect(try folder.status(of: [0xFE])?.kind == .regular)
        }
    }

    @Test("a folder of thousands of names is listed whole")
    func longListing() async throws {
        try await withFolder { folder in
            for number in 0..<5_000 { try newFile(folder.path, Array("name \(number)".utf8)) }
            #expect(try folder.entries().count == 5_000)
        }
    }

    @Test("a folder stays the same one when it is moved and another is put in its place")
    func moved() async throws {
        try await withFolder { folder in
            try folder.makeDirectory("inner")
            let inner = try folder.directory("inner")
            try folder.makeDirectory("trap")
            try folder.rename("inner", to: "elsewhere", replacing: false)
            try folder.makeLink("inner", to: "trap")
            try inner.createFile("file").write([1])
            #expect(filesBelow(folder.path) == ["elsewhere/", "elsewhere/file", "inner/", "trap/"])
        }
    }

    @Test("while a folder and a link are swapped, nothing outside is ever opened")
    func swapRace() async throws {
        try await withFolder { folder in
            for name in ["real", "trap"] {
                try folder.makeDirectory(name)
                try folder.directory(name).createFile("file").write(Array(name.utf8))
            }
            try folder.makeLink("link", to: "trap")
            let swapper = Swapper(folder.path + "/real", folder.path + "/link")
            defer { swapper.stop() }
            var opened = 0
            var refused = 0
            let least = rounds(reduced: 2_000, full: 100_000)
            for round in 0..<(least * 20) where round < least || opened == 0 || refused == 0 {
                do {
                    let file = try folder.directory("real").openFile("file")
                    #expect(try file.readAll(limit: 10) == Array("real".utf8))
                    opened += 1
                } catch {
                    refused += 1
                }
            }
            #expect(opened > 0)
            #expect(refused > 0)
        }
    }

    @Test("what is at a name is told apart, and nothing is nil")
    func kinds() async throws {
        try await withFolder { folder in
            try folder.createFile("file", mode: 0o640).write([1, 2, 3])
            try folder.makeDirectory("folder")
            try folder.makeLink("link", to: "file")
            let status = try #require(try folder.status(of: "file"))
            #expect(status.kind == .regular)
            #expect(status.mode == 0o640)
            #expect(status.byteCount == 3)
            #expect(status.linkCount == 1)
            #expect(status.owner == CurrentProcess.userIdentifier)
            #expect(status.modified <= status.changed)
            #expect(try folder.openFile("file").status() == status)
            #expect(try folder.status(of: "folder")?.kind == .directory)
            #expect(try folder.directory("folder").status() == folder.status(of: "folder"))
            #expect(try folder.status(of: "link")?.byteCount == 4)
            #expect(try folder.status(of: "nothing") == nil)
            #expect(try Directory.open("/dev").status(of: "null")?.kind == .characterDevice)
        }
    }

    @Test("the longest target of a link is read whole, whatever its bytes")
    func targets() async throws {
        try await withFolder { folder in
            let long = [UInt8](repeating: 0xFE, count: 4_095)
            try #require(symlinkat(long.map { CChar(bitPattern: $0) } + [0], AT_FDCWD, folder.path + "/link") == 0)
            #expect(try folder.linkTarget(of: Array("link".utf8)) == long)
            try folder.createFile("file").write([1])
            #expect(throws: folder.error("read the link", "file", EINVAL)) {
                try folder.linkTarget(of: Array("file".utf8))
            }
        }
    }

    @Test("removing tells whether there was something, and takes only what it is for")
    func removal() async throws {
        try await withFolder { folder in
            try folder.createFile("file").write([1])
            try folder.makeDirectory("folder")
            #expect(try folder.remove("nothing") == false)
            #expect(try folder.removeDirectory("nothing") == false)
            #expect(throws: folder.error("remove", "folder", EISDIR)) { try folder.remove("folder") }
            #expect(throws: folder.error("remove", "file", ENOTDIR)) { try folder.removeDirectory("file") }
            try folder.directory("folder").createFile("inner").write([1])
            #expect(throws: folder.error("remove", "folder", ENOTEMPTY)) { try folder.removeDirectory("folder") }
            #expect(try folder.directory("folder").remove("inner"))
            #expect(try folder.removeDirectory("folder"))
            #expect(try folder.remove("file"))
            #expect(filesBelow(folder.path) == [])
        }
    }

    @Test("no descriptor is left open, by success or by failure")
    func descriptors() async throws {
        try await withTemporaryDirectory { path in
            do {
                let folder = try Directory.open(path)
                try folder.makeLink("link", to: "x")
                for _ in 0..<50 {
                    try folder.createFile("file").write([1])
                    _ = try? folder.createFile("file")
                    _ = try? folder.openFile("link")
                    _ = try? folder.openOrCreateFile("link")
                    _ = try? folder.directory("file")
                    _ = try? folder.entries(limit: 0)
                    _ = try folder.entries()
                    _ = try folder.openFile("file").readAll(limit: 10)
                    _ = try? folder.openFile("file").readAll(limit: 0)
                    try folder.remove("file")
                    try folder.makeDirectory("inner")
                    _ = try folder.directory("inner").status()
                    try folder.removeDirectory("inner")
                }
                #expect(openDescriptors(below: path) == 1)
            }
            #expect(openDescriptors(below: path) == 0)
        }
    }

    @Test("descriptors are not handed on to other programs")
    func closedOnExecution() async throws {
        try await withFolder { folder in
            let file = try folder.createFile("marked")
            let opened = try folder.openFile("marked")
            let list = try run("sh", ["-c", "ls -l /proc/$$/fd"])
            #expect(list.status == 0)
            #expect(!list.text.contains("marked"))
            withExtendedLifetime((file, opened)) {}
        }
    }

    @Test(
        "a path is cut before its last component",
        arguments: [
            ("a/b/c", "a/b", "c"), ("c", ".", "c"), ("/c", "/", "c"), ("/", "/", ""), ("a/b/", "a", "b"),
            ("a//b", "a/", "b"), ("a/b///", "a", "b"), ("", ".", ""), (".", ".", "."), ("//", "/", ""),
            ("a/\u{301}", "a", "\u{301}"),
        ])
    func splitting(path: String, parent: String, name: String) {
        let split = splitPath(path)
        #expect(Array(split.parent.utf8) == Array(parent.utf8))
        #expect(Array(split.name.utf8) == Array(name.utf8))
    }

    @Test("a path with NUL is refused, and not cut there")
    func nulInPath() async throws {
        try await withFolder { folder in
            let path = folder.path + "\0/x"
            #expect(throws: SystemError(operation: "open", path: path, code: EINVAL)) { try Directory.open(path) }
            #expect(throws: SystemError(operation: "open", path: path, code: EINVAL)) { try File.open(path) }
            #expect(throws: SystemError(operation: "open", path: path, code: EINVAL)) {
                try Directory.openOrCreate(path)
            }
            #expect(throws: folder.error("create the link", "link", EINVAL)) {
                try folder.makeLink("link", to: "a\0b")
            }
        }
    }
}

/// A thread that exchanges two names until it is stopped.
private final class Swapper: Sendable {
    private let isOver = Flag()

    init(_ one: String, _ other: String) {
        Thread.detachNewThread { [isOver] in
            while !isOver.isSet { _ = exchange(one, other) }
        }
    }

    func stop() { isOver.set() }
}

private func withFolder(_ body: (Directory) async throws -> Void) async throws {
    try await withTemporaryDirectory { try await body(Directory.open($0)) }
}

extension Directory {
    /// The error of an operation on `name` in this folder.
    func error(_ operation: String, _ name: String, _ code: CInt) -> SystemError {
        SystemError(operation: operation, path: path + "/" + name, code: code)
    }
}

private func newFile(_ folder: String, _ name: [UInt8]) throws {
    let path = Array((folder + "/").utf8) + name + [0]
    let descriptor = open(path.map { CChar(bitPattern: $0) }, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try #require(descriptor >= 0)
    close(descriptor)
}
