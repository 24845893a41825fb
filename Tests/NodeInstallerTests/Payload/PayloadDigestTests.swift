import Crypto
import Foundation
import TestSupport
import Testing

@testable import NodeInstaller

@Suite struct PayloadDigestTests {
    @Test("the same content in another folder, under another umask and at another time, has the same digest")
    func sameContent() async throws {
        try await withPayload { first in
            try await withPayload { second in
                try first.sample(files: 0o644, programs: 0o755, folders: 0o755)
                try second.sample(files: 0o600, programs: 0o700, folders: 0o700)
                for name in filesBelow(second.path) where !name.contains("link") {
                    try FileManager.default.setAttributes(
                        [.modificationDate: Date(timeIntervalSince1970: 1_000_000)],
                        ofItemAtPath: second.path + "/" + name)
                }
                #expect(try first.scan().digest == second.scan().digest)
            }
        }
    }

    @Test("any change of what is installed changes the digest", arguments: SampleChange.allCases)
    func anyChange(change: SampleChange) async throws {
        try await withPayload { payload in
            try payload.sample(files: 0o644, programs: 0o755, folders: 0o755)
            let before = try payload.scan().digest
            try change.apply(to: payload)
            #expect(try payload.scan().digest != before)
        }
    }

    @Test("the digest is the documented stream's, computed by another program")
    func oracle() async throws {
        let python = """
            import hashlib, os, struct, sys
            root = sys.argv[1]
            stream = hashlib.sha256(b"pkgmill payload 1\\0")
            def walk(path):
                full = os.path.join(root, path)
                head = lambda kind, mode: kind + struct.pack(">HI", mode, len(path.encode())) + path.encode()
                if os.path.islink(full):
                    target = os.readlink(full).encode()
                    stream.update(head(b"l", 0o755) + struct.pack(">I", len(target)) + target)
                elif os.path.isdir(full):
                    stream.update(head(b"d", 0o755))
                    for name in sorted(os.listdir(full), key=os.fsencode): walk(os.path.join(path, name))
                else:
                    mode = 0o755 if os.stat(full).st_mode & 0o100 else 0o644
                    content = open(full, "rb").read()
                    stream.update(head(b"f", mode) + struct.pack(">Q", len(content)) + hashlib.sha256(content).digest())
            walk("")
            print(stream.hexdigest())
            """
        try await withPayload { payload in
            try payload.sample(files: 0o640, programs: 0o755, folders: 0o755)
            let result = try run("python3", ["-c", python, payload.path])
            #expect(result.text == "\(try payload.scan().digest)\n")
        }
    }
}

/// One difference in what is installed.
enum SampleChange: CaseIterable {
    case content, sameSizeContent, name, executeBit, linkTarget, emptyFolder, emptyFile, removal, fileToFolder

    func apply(to payload: PayloadFixture) throws {
        switch self {
        case .content: try payload.file("share/notes", "longer than before")
        case .sameSizeContent: try payload.file("share/notes", "Notes")
        case .name: try payload.move("share/notes", to: "share/note")
        case .executeBit: try payload.setMode("share/notes", 0o744)
        case .linkTarget: try payload.relink("link", to: "./bin/pkgmill")
        case .emptyFolder: try payload.folder("share/more")
        case .emptyFile: try payload.file("share/more", "")
        case .removal: try payload.remove("share/empty")
        case .fileToFolder:
            try payload.remove("share/empty")
            try payload.folder("share/empty")
        }
    }
}
