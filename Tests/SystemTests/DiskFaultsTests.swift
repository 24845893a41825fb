import Foundation
import Synchronization
import System
import TestSupport
import Testing

@Suite struct DiskFaultsTests {
    @Test("each operation can be made to fail, by its path, and nothing is done", arguments: Case.all)
    func everyOperation(fault: Case) async throws {
        try await withTemporaryDirectory { path in
            try writeFile(path + "/file", Array("old".utf8))
            try FileManager.default.createDirectory(atPath: path + "/inner", withIntermediateDirectories: false)
            let isArmed = Flag()
            let faults = DiskFaults { operation, path throws(SystemError) in
                if isArmed.isSet, operation == fault.operation {
                    throw SystemError(operation: "test", path: path, code: EIO)
                }
            }
            let folder = try Directory.open(path, faults: faults)
            let file = try folder.openOrCreateFile("file")
            isArmed.set()
            #expect(throws: SystemError(operation: "test", path: path + fault.path, code: EIO)) {
                try fault.call(folder, file)
            }
            #expect(filesBelow(path) == ["file", "inner/"])
            #expect(try contentOfFile(path + "/file") == Array("old".utf8))
        }
    }

    @Test("every operation of the list has a case here")
    func completeness() {
        #expect(Set(Case.all.map(\.operation)) == Set(DiskOperation.allCases))
    }

    @Test("files and folders below inherit the faults of the folder they were opened from")
    func inheritance() async throws {
        try await withTemporaryDirectory { path in
            let seen = Mutex<[String]>([])
            let faults = DiskFaults { operation, path in
                seen.withLock { $0.append("\(operation.rawValue) \((path as NSString).lastPathComponent)") }
            }
            let folder = try Directory.openOrCreate(path + "/a/b", faults: faults)
            let file = try folder.createFile("file")
            try file.write([1])
            try file.sync()
            #expect(
                seen.withLock { Array($0.suffix(4)) } == ["open b", "create file", "write file", "sync file"])
        }
    }

    @Test("a fault counts calls: the third write fails, those before it are done")
    func thirdWrite() async throws {
        try await withTemporaryDirectory { path in
            let count = Mutex(0)
            let faults = DiskFaults { operation, path throws(SystemError) in
                guard operation == .write else { return }
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                if number == 3 { throw SystemError(operation: "write", path: path, code: ENOSPC) }
            }
            let file = try Directory.open(path, faults: faults).createFile("file")
            try file.write([1])
            try file.write([2])
            #expect(throws: SystemError(operation: "write", path: file.path, code: ENOSPC)) { try file.write([3]) }
            #expect(try contentOfFile(file.path) == [1, 2])
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let operation: DiskOperation
        /// Below the folder, with a slash before it.
        let path: String
        let call: @Sendable (Directory, File) throws -> Void

        var testDescription: String { name }

        static let all: [Case] = [
            Case(name: "open a folder by path", operation: .open, path: "/inner") { folder, _ in
                let faults = DiskFaults { _, path throws(SystemError) in
                    throw SystemError(operation: "test", path: path, code: EIO)
                }
                _ = try Directory.open(folder.path + "/inner", faults: faults)
            },
            Case(name: "open a folder", operation: .open, path: "/inner") { _ = ($1, try $0.directory("inner")) },
            Case(name: "open a file", operation: .open, path: "/file") { _ = ($1, try $0.openFile("file")) },
            Case(name: "create", operation: .create, path: "/new") { _ = ($1, try $0.createFile("new")) },
            Case(name: "open or create", operation: .create, path: "/new") { _ = ($1, try $0.openOrCreateFile("new")) },
            Case(name: "make a folder", operation: .makeDirectory, path: "/new") {
                _ = ($1, try $0.makeDirectory("new"))
            },
            Case(name: "read", operation: .read, path: "/file") { _ = ($0, try $1.read(1, at: 0)) },
            Case(name: "read all", operation: .read, path: "/file") { _ = ($0, try $1.readAll(limit: 9)) },
            Case(name: "read a link", operation: .read, path: "/file") {
                _ = ($1, try $0.linkTarget(of: Array("file".utf8)))
            },
            Case(name: "write", operation: .write, path: "/file") { _ = ($0, try $1.write([1])) },
            Case(name: "write at", operation: .write, path: "/file") { _ = ($0, try $1.write([1], at: 1)) },
            Case(name: "sync a file", operation: .sync, path: "/file") { _ = ($0, try $1.sync()) },
            Case(name: "sync a folder", operation: .sync, path: "") { _ = ($1, try $0.sync()) },
            Case(name: "rename", operation: .rename, path: "/file") {
                _ = ($1, try $0.rename("file", to: "new", replacing: true))
            },
            Case(name: "link", operation: .link, path: "/new") { _ = ($1, try $0.makeLink("new", to: "file")) },
            Case(name: "remove", operation: .remove, path: "/file") { _ = ($1, try $0.remove("file")) },
            Case(name: "remove a folder", operation: .remove, path: "/inner") {
                _ = ($1, try $0.removeDirectory("inner"))
            },
            Case(name: "list", operation: .list, path: "") { _ = ($1, try $0.entries()) },
            Case(name: "look at a name", operation: .status, path: "/file") { _ = ($1, try $0.status(of: "file")) },
            Case(name: "look at a folder", operation: .status, path: "") { _ = ($1, try $0.status()) },
            Case(name: "look at a file", operation: .status, path: "/file") { _ = ($0, try $1.status()) },
        ]
    }
}
