import Crypto
import FlatPackage
import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import NodeInstaller

@Suite struct PayloadChangeTests {
    @Test("a file that is written, replaced or removed during the scan is told of", arguments: ScanRace.allCases)
    func duringScan(race: ScanRace) async throws {
        try await withPayload { payload in
            try payload.file("a/one", "content")
            try payload.file("b", "x")
            let isDone = Mutex(false)
            let faults = DiskFaults { operation, path in
                guard operation == race.operation, path.hasSuffix(race.place) else { return }
                let isFirst = isDone.withLock { done in
                    defer { done = true }
                    return !done
                }
                if isFirst { race.change(payload) }
            }
            #expect(throws: payload.refusal(race.blamed.map { .changed(path: $0) })) {
                try payload.scan(faults: faults)
            }
        }
    }

    @Test("a source refuses a file that changed after the scan", arguments: SourceChange.allCases)
    func afterScan(change: SourceChange) async throws {
        try await withPayload { payload in
            try await withPayload { outside in
                try payload.file("dir/file", "content")
                try outside.file("file", "content")
                let source = try payload.source("dir/file", in: try payload.scan())
                try change.apply(payload, outside)
                #expect(throws: changed(payload, "dir/file")) { try bytes(of: source) }
            }
        }
    }

    @Test("a source refuses a file that changes while it is read, though its end is right")
    func whileRead() async throws {
        try await withPayload { payload in
            try payload.file("file", [UInt8](repeating: 0x61, count: 3 << 20))
            let source = try payload.source("file", in: try payload.scan())
            #expect(throws: changed(payload, "file")) {
                try source.read { _ in
                    let handle = fopen(payload.path + "/file", "r+")
                    fputc(0x62, handle)
                    fclose(handle)
                }
            }
        }
    }

    @Test("content that differs is refused even where sizes and times say nothing")
    func contentOnly() async throws {
        try await withPayload { payload in
            try payload.file("file", "content")
            let root = try Directory.open(payload.path)
            let identity = FileIdentity(try #require(try root.status(of: "file")))
            let right = SHA256Digest(of: Array("content".utf8))
            let wrong = SHA256Digest(of: Array("Content".utf8))
            let path = Array("file".utf8)
            #expect(
                try bytes(of: PayloadFile(root: root, path: path, identity: identity, digest: right))
                    == Array("content".utf8))
            #expect(throws: changed(payload, "file")) {
                try bytes(of: PayloadFile(root: root, path: path, identity: identity, digest: wrong))
            }
        }
    }

    @Test("an error of the reader passes through, and an error of the disk is named")
    func errors() async throws {
        try await withPayload { payload in
            try payload.file("file", "content")
            let isBroken = Mutex(false)
            let faults = DiskFaults { operation, path throws(SystemError) in
                if operation == .read, isBroken.withLock({ $0 }) {
                    throw SystemError(operation: "read", path: path, code: EIO)
                }
            }
            let source = try payload.source("file", in: try payload.scan(faults: faults))
            let own = PackageError.source(path: "mine", detail: "enough")
            #expect(throws: own) { try source.read { _ throws(PackageError) in throw own } }
            isBroken.withLock { $0 = true }
            let path = payload.path + "/file"
            #expect(
                throws: PackageError.source(
                    path: path, detail: SystemError(operation: "read", path: path, code: EIO).description)
            ) { try bytes(of: source) }
        }
    }

    @Test("while a writer flips a file, no reader ever takes bytes that were not scanned")
    func race() async throws {
        try await withPayload { payload in
            try payload.file("file", [UInt8](repeating: 0x61, count: FlippingWriter.byteCount))
            let writer = try FlippingWriter(payload.path + "/file")
            defer { writer.stop() }
            var taken = 0
            var refused = 0
            // The reduced count is enough for both outcomes on a busy machine; more rounds only when one is missing.
            let least = rounds(reduced: 200, full: 20_000)
            for round in 0..<(least * 10) where round < least || taken == 0 || refused == 0 {
                defer { writer.letWrite() }
                // A scan sees one content or a change; a source gives what its scan saw, or throws.
                guard let scanned = try? payload.scan() else {
                    refused += 1
                    continue
                }
                let source = try #require(try payload.source("file", in: scanned) as? PayloadFile)
                do {
                    #expect(SHA256Digest(of: try bytes(of: source)) == source.digest)
                    taken += 1
                } catch let error as PackageError {
                    #expect(error == changed(payload, "file"))
                    refused += 1
                }
            }
            #expect(taken > 0)
            #expect(refused > 0)
        }
    }

    private func changed(_ payload: PayloadFixture, _ path: String) -> PackageError {
        .source(
            path: payload.path + "/" + path,
            detail: "changed while it was read; wait until nobody writes to the payload and try again")
    }
}

/// A thread that writes a file full of `b`, then of `a`, in place, again and again: after each of the reader's rounds it
/// may write up to three times, so that some rounds meet it and some do not.
private final class FlippingWriter: Sendable {
    static let byteCount = 200_000
    private let turns = Mutex((remaining: 3, round: 0, isOver: false))

    init(_ path: String) throws {
        let descriptor = open(path, O_WRONLY)
        try #require(descriptor >= 0)
        Thread.detachNewThread { [self] in
            var isWrong = true
            while let mayWrite = takeTurn() {
                guard mayWrite else {
                    sched_yield()
                    continue
                }
                let content = [UInt8](repeating: isWrong ? 0x62 : 0x61, count: Self.byteCount)
                _ = pwrite(descriptor, content, content.count, 0)
                isWrong.toggle()
            }
            close(descriptor)
        }
    }

    /// The reader has ended a round.
    func letWrite() {
        turns.withLock {
            $0.round += 1
            $0.remaining = $0.round % 4
        }
    }

    func stop() { turns.withLock { $0.isOver = true } }

    /// Whether the thread may write once more; nil at the end.
    private func takeTurn() -> Bool? {
        turns.withLock {
            if $0.isOver { return nil }
            guard $0.remaining > 0 else { return false }
            $0.remaining -= 1
            return true
        }
    }
}

/// What happens right before a step of the scan.
enum ScanRace: CaseIterable {
    case grows, isRemoved, becomesPipe, becomesLink, folderBecomesLink, folderIsReplaced, nameIsAdded

    var operation: DiskOperation {
        switch self {
        case .grows: .read
        case .isRemoved, .becomesPipe, .becomesLink, .folderBecomesLink, .folderIsReplaced, .nameIsAdded: .open
        }
    }

    var place: String {
        switch self {
        case .folderBecomesLink, .folderIsReplaced: "/a"
        case .grows, .isRemoved, .becomesPipe, .becomesLink: "/b"
        case .nameIsAdded: "/a/one"
        }
    }

    /// What is told of, the innermost first. A name that was taken out of a folder changes the folder, too.
    var blamed: [String] {
        switch self {
        case .grows: ["b"]
        case .isRemoved, .becomesPipe, .becomesLink: ["b", "."]
        case .folderBecomesLink, .folderIsReplaced: ["a", "."]
        case .nameIsAdded: ["a"]
        }
    }

    func change(_ payload: PayloadFixture) {
        do {
            switch self {
            case .grows: try payload.append("b", "y")
            case .isRemoved: try payload.remove("b")
            case .becomesPipe:
                try payload.remove("b")
                try payload.pipe("b")
            case .becomesLink:
                try payload.remove("b")
                try payload.link("b", to: "a/one")
            case .folderBecomesLink:
                try payload.move("a", to: "c")
                try payload.link("a", to: "c")
            case .folderIsReplaced:
                try payload.move("a", to: "c")
                try payload.folder("a")
            case .nameIsAdded: try payload.file("a/two", "x")
            }
        } catch {
            Issue.record(error)
        }
    }
}

/// What happens between the scan and the reading.
enum SourceChange: CaseIterable {
    case sameSize, sameSizeAndTime, longer, shorter, removed, sameContentElsewhere, becomesLink, folderBecomesLink
    case executeBit, becomesPipe, becomesFolder

    func apply(_ payload: PayloadFixture, _ outside: PayloadFixture) throws {
        let path = payload.path + "/dir/file"
        switch self {
        case .sameSize: try payload.overwrite("dir/file", "CONTENT")
        case .sameSizeAndTime:
            let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
            try payload.overwrite("dir/file", "CONTENT")
            try FileManager.default.setAttributes([.modificationDate: before as Any], ofItemAtPath: path)
        case .longer: try payload.append("dir/file", "x")
        case .shorter: try #require(truncate(path, 3) == 0)
        case .removed: try payload.remove("dir/file")
        case .sameContentElsewhere:
            try payload.move("dir/file", to: "old")
            try payload.file("dir/file", "content")
        case .becomesLink:
            try payload.move("dir/file", to: "dir/real")
            try payload.link("dir/file", to: "real")
        case .folderBecomesLink:
            try payload.move("dir", to: "real")
            try payload.link("dir", to: "real")
        case .executeBit: try payload.setMode("dir/file", 0o755)
        case .becomesPipe:
            try payload.remove("dir/file")
            try payload.pipe("dir/file")
        case .becomesFolder:
            try payload.remove("dir/file")
            try payload.folder("dir/file")
        }
    }
}
