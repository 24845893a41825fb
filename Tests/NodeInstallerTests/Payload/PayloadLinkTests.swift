import FlatPackage
import Testing

@testable import NodeInstaller

@Suite struct PayloadLinkTests {
    @Test(
        "a link to something inside is taken as it is written",
        arguments: [
            ("link", "file"), ("link", "./file"), ("link", "dir/inner"), ("link", "dir/"), ("link", "dir/."),
            ("link", "dir/../file"), ("dir/link", "../file"), ("dir/link", ".."), ("dir/link", "."),
            ("link", "todir/inner"), ("link", "dir//inner"), ("link", "todir/deep/../inner"), ("link", "chain"),
        ])
    func inside(path: String, target: String) async throws {
        try await withLinkedPayload { payload in
            try payload.link(path, to: target)
            let entry = try #require(try payload.scan().entries.first { $0.path == Array(path.utf8) })
            guard case .symbolicLink(let found) = entry.content else { throw PayloadError.empty(folder: path) }
            #expect(found == Array(target.utf8))
        }
    }

    @Test(
        "a link out of the payload is refused, on paper and through other links",
        arguments: [
            ("link", "/etc/passwd"), ("link", "/"), ("link", ".."), ("link", "../payload/file"),
            ("link", "dir/../../x"), ("dir/link", "../../file"), ("dir/deep/link", "../../../file"),
            // todeep is dir/deep, so todeep/.. is dir: on paper it leaves, on a disk it stays.
            ("link", "todeep/../../file"),
            // todot is the root itself: on paper a folder in it, on a disk one above it.
            ("link", "todot/../file"), ("dir/link", "../todot/../x"), ("dir/link", "deep/totop/../x"),
        ])
    func outside(path: String, target: String) async throws {
        try await withLinkedPayload { payload in
            try payload.link("todot", to: ".")
            try payload.link("dir/deep/totop", to: "../..")
            try payload.link(path, to: target)
            #expect(throws: payload.refusal([.linkLeadsOut(path: path, target: target)])) { try payload.scan() }
        }
    }

    @Test(
        "a link to nothing is refused",
        arguments: [
            ("link", "nowhere"), ("link", "dir/nowhere"), ("link", "File"), ("link", "file/"), ("link", "file/."),
            ("link", "file/x"), ("link", "file/.."), ("link", "todir/nowhere"), ("link", ".DS_Store"),
        ])
    func dangling(path: String, target: String) async throws {
        try await withLinkedPayload { payload in
            try payload.file(".DS_Store", "x")
            try payload.link(path, to: target)
            #expect(throws: payload.refusal([.linkDangles(path: path, target: target)])) { try payload.scan() }
        }
    }

    @Test("links that lead round in circles are refused")
    func loops() async throws {
        try await withLinkedPayload { payload in
            try payload.link("a", to: "b")
            try payload.link("b", to: "a")
            try payload.link("dir/self", to: "self")
            #expect(
                throws: payload.refusal([
                    .linkLoops(path: "a", target: "b"), .linkLoops(path: "b", target: "a"),
                    .linkLoops(path: "dir/self", target: "self"),
                ])
            ) { try payload.scan() }
        }
    }

    @Test("as many links on one way as macOS follows are taken, one more is not")
    func hops() async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            try payload.link("link01", to: "file")
            for number in 2...32 { try payload.link(name(number), to: name(number - 1)) }
            _ = try payload.scan()
            try payload.link("link33", to: "link32")
            #expect(throws: payload.refusal([.linkLoops(path: "link33", target: "link32")])) { try payload.scan() }
        }
        func name(_ number: Int) -> String { "link" + (number < 10 ? "0" : "") + String(number) }
    }

    @Test("a target that is too long is refused")
    func tooLong() async throws {
        try await withLinkedPayload { payload in
            let target = String(repeating: "./", count: 500) + "file"
            try payload.link("link", to: target)
            #expect(throws: payload.refusal([.linkTooLong(path: "link", byteCount: 1004, limit: 1000)])) {
                try payload.scan()
            }
        }
    }

    /// `file`, `dir/inner`, `dir/deep/`, and links `todir` to `dir`, `todeep` to `dir/deep`, `chain` over two to `file`.
    private func withLinkedPayload(_ body: (PayloadFixture) throws -> Void) async throws {
        try await withPayload { payload in
            try payload.file("file", "x")
            try payload.file("dir/inner", "x")
            try payload.folder("dir/deep")
            try payload.link("todir", to: "dir")
            try payload.link("todeep", to: "dir/deep")
            try payload.link("chain", to: "dir/back")
            try payload.link("dir/back", to: "../file")
            try body(payload)
        }
    }
}
