import Foundation
import System
import TestSupport
import Testing

@testable import FlatPackage

@Suite struct PackageCheckerTests {
    @Test("our own product has no findings")
    func good() async throws {
        let report = try await report(on: try await Fixture.productBytes())
        #expect(report.findings == [])
        #expect(report.isPublishable)
        #expect(report.kind == .product)
        #expect(report.components.map(\.info.numberOfFiles) == [8, 5])
        #expect(!report.isSigned)
    }

    @Test("a forged package that nothing was changed in has no findings")
    func goodForgery() async throws {
        #expect(try await report(on: try Forge().build()).findings == [])
    }

    @Test("a component that only runs scripts, and one with an empty payload, have no findings")
    func empty() async throws {
        for entries in [[], [ArchiveEntry.directory("")]] {
            let package = try await withScratch { scratch in
                let component = try ComponentPackage.assemble(Fixture.component(entries: entries), scratch: scratch)
                return try written(try ProductArchive(Fixture.product([("a.pkg", component)])), in: scratch)
            }
            #expect(try await report(on: package).findings == [])
        }
    }

    @Test("a flipped bit in any byte is found")
    func flips() async throws {
        let package = try await Fixture.smallProductBytes()
        let random = SeededRandom(seed: 77)
        try await withScratch { scratch in
            let file = try scratch.createFile("package.pkg")
            try file.write(package)
            let step = rounds(reduced: 7, full: 1)
            // The first and the last bytes all, those between as many as the time allows.
            for offset in package.indices
            where offset < 64 || offset >= package.count - 16 || offset % step == 0 {
                try file.write([package[offset] ^ 1 << UInt8(random.below(8))], at: Int64(offset))
                let report = try PackageChecker.check(file)
                #expect(!report.errors.isEmpty, "byte \(offset) of \(package.count)")
                try file.write([package[offset]], at: Int64(offset))
            }
            #expect(try PackageChecker.check(file).findings == [])
        }
    }

    @Test("every truncation is an error and no trap, and so is anything at the end")
    func lengths() async throws {
        let package = try await Fixture.smallProductBytes()
        for length in stride(from: 0, to: package.count, by: rounds(reduced: 11, full: 1)) {
            #expect(try await !report(on: Array(package.prefix(length))).isPublishable)
        }
        #expect(try await codes(of: package + [0]) == ["stray-bytes"])
        #expect(try await codes(of: package + noise(100)) == ["stray-bytes"])
    }

    @Test("what the progress function throws is thrown, and its last call is the whole")
    func progress() async throws {
        try await withFile(try await Fixture.productBytes()) { file in
            var last: (Int64, Int64) = (0, 0)
            let report = try PackageChecker.check(file) { last = ($0, $1) }
            #expect(last == (report.byteCount, report.byteCount))
            #expect(throws: PackageError.cancelled) {
                try PackageChecker.check(file) { (_, _) throws(PackageError) in throw .cancelled }
            }
        }
    }

    @Test("a disk that fails is not the package's fault")
    func disk() async throws {
        let package = try await Fixture.smallProductBytes()
        try await withTemporaryDirectory { path in
            try writeFile(path + "/a.pkg", package)
            let failure = SystemError(operation: "read", path: "a.pkg", code: 5)
            let faults = DiskFaults { (step, _) throws(SystemError) in if step == .read { throw failure } }
            let file = try File.open(path + "/a.pkg", faults: faults)
            #expect(throws: PackageError.storage(failure)) { try PackageChecker.check(file) }
        }
    }

    @Test("every code is documented once")
    func codesAreDistinct() {
        #expect(Set(PackageFinding.codes).count == PackageFinding.codes.count)
        #expect(PackageFinding.codes.allSatisfy { $0.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D } })
    }

    @Test("many paths with one fault are one finding with a few examples")
    func tally() async throws {
        var forge = Forge()
        forge.listed += (0..<50).map { Forge.Entry(path: "x\($0)", mode: 0o666) }
        let findings = try await report(on: try forge.build()).findings
        #expect(findings.map(\.code) == ["writable-by-others"])
        #expect(findings.first?.message.hasSuffix("and 47 more") == true)
        #expect(findings.first?.place == "a.pkg/Bom")
    }

    @Test("each fault is found, and nothing else with it", arguments: Fault.all)
    func faults(fault: Fault) async throws {
        var forge = Forge()
        fault.apply(&forge)
        let report = try await report(on: try forge.build())
        #expect(Set(report.findings.map(\.code)) == fault.codes, "\(report.findings)")
        #expect(report.isPublishable == fault.isWarning)
    }

    // MARK: More than one component

    private func twoComponents(
        _ change: (inout Forge) -> Void, members: @escaping (inout [Forge.Member]) -> Void = { _ in }
    ) throws -> [UInt8] {
        var second = Forge()
        second.installLocation = "/opt/other"
        change(&second)
        let others = try second.componentMembers(folder: "b.pkg/", identifier: "com.example.b")
        var first = Forge()
        first.members = { all in
            all.insert(contentsOf: others, at: 4)
            members(&all)
        }
        first.distribution = {
            $0.replacing(
                "</installer-gui-script>", with: "<pkg-ref id=\"com.example.b\">#b.pkg</pkg-ref></installer-gui-script>"
            )
        }
        return try first.build()
    }

    @Test("two components may share a folder and no file")
    func sharedPaths() async throws {
        #expect(try await codes(of: try twoComponents { _ in }).isEmpty)
        #expect(
            try await codes(of: try twoComponents { $0.installLocation = "/opt/example" }) == ["path-in-two-components"]
        )
        #expect(
            try await codes(of: try twoComponents { $0.installLocation = "/opt/example/" }) == [
                "path-in-two-components"
            ])
        let sharedFolder = try twoComponents { forge in
            forge.installLocation = "/opt/example"
            forge.listed = [
                .init(path: "", kind: .directory, mode: 0o755), .init(path: "d", kind: .directory, mode: 0o755),
            ]
        }
        #expect(try await codes(of: sharedFolder).isEmpty)
        let otherMode = try twoComponents { forge in
            forge.installLocation = "/opt/example"
            forge.listed = [.init(path: "", kind: .directory, mode: 0o700)]
        }
        #expect(try await codes(of: otherMode) == ["folder-differs"])
        let fileOverFolder = try twoComponents { forge in
            forge.installLocation = "/opt/example"
            forge.listed = [.init(path: "", kind: .directory, mode: 0o755), .init(path: "d")]
        }
        #expect(try await codes(of: fileOverFolder) == ["path-in-two-components"])
    }

    @Test("the payload of one component in the place of another's is found, though every checksum holds")
    func swapped() async throws {
        let package = try twoComponents(
            { $0.listed[1].content = bytes("xyz") },
            members: { members in
                let content = members[1].content
                members[1].content = members[5].content
                members[5].content = content
            })
        #expect(try await codes(of: package) == ["bom-payload-checksum"])
    }

    @Test("the order of members in the archive is free")
    func reordered() async throws {
        let package = try twoComponents(
            { _ in },
            members: { members in
                members.swapAt(0, 3)
                members.swapAt(1, 2)
                members.insert(members.removeLast(), at: 0)
            })
        #expect(try await codes(of: package).isEmpty)
    }

    @Test("a component that the Distribution does not name is noted")
    func unreferenced() async throws {
        var forge = Forge()
        let others = try Forge().componentMembers(folder: "b.pkg/", identifier: "com.example.b")
        forge.members = { all in
            for index in others.indices where others[index].path.hasSuffix("PackageInfo") {
                all.insert(others[index], at: 4)
            }
        }
        #expect(try await codes(of: try forge.build()).contains("unreferenced-component"))
    }

    @Test("many files make a package without findings")
    func manyFiles() async throws {
        let count = rounds(reduced: 3_000, full: 200_000)
        let files = (0..<count).map { ArchiveEntry.file("d\($0 % 100)/f\($0)", bytes("\($0)")) }
        let folders = (0..<100).map { ArchiveEntry.directory("d\($0)") }
        let package = try await withScratch { scratch in
            let component = try ComponentPackage.assemble(
                Fixture.component(entries: files + [.directory("")] + folders), scratch: scratch)
            return try written(try ProductArchive(Fixture.product([("a.pkg", component)])), in: scratch)
        }
        let report = try await report(on: package)
        #expect(report.findings == [])
        #expect(report.components.first?.info.numberOfFiles == Int64(count + 101))
    }

    // MARK: Bombs

    @Test("many components that all name the bytes of one large document are not all read")
    func sharedDocuments() async throws {
        let info = bytes("<pkg-info identifier=\"a.b\" version=\"1\"/>") + [UInt8](repeating: 0x20, count: 8 << 20)
        let stored = try PackageCompression.zlib(info)
        var table = "<xar><toc><checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum>"
        table += "<file id=\"1\"><type>file</type><name>Distribution</name></file>"
        for number in 1...100 {
            table += """
                <file id="\(number * 2)"><type>directory</type><name>p\(number)</name><file id="\(number * 2 + 1)"><data>\
                <encoding style="application/x-gzip"/><size>\(info.count)</size><offset>20</offset>\
                <length>\(stored.count)</length></data><type>file</type><name>PackageInfo</name></file></file>
                """
        }
        table = table.replacing(
            "<file id=\"1\">",
            with: "<file id=\"1\"><data><encoding style=\"application/octet-stream\"/><size>19</size>"
                + "<offset>\(20 + stored.count)</offset><length>19</length></data>")
        let package = try Forge.archive(table: table + "</toc></xar>", heap: stored + bytes("<installer-script/>"))
        let codes = try await codes(of: package)
        #expect(codes.isSuperset(of: ["heap-overlap", "exceeds-limit"]))
    }

    @Test("a payload that inflates beyond what its bill lists is stopped there")
    func payloadBomb() async throws {
        var forge = Forge()
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        forge.packed = forge.listed
        forge.packed?[1].content = zeros
        let report = try await report(on: try forge.build())
        #expect(report.errors.map(\.code) == ["exceeds-limit"])
        #expect(report.errors.first?.place == "a.pkg/Payload")
    }

    @Test("scripts that inflate beyond 64 MiB are stopped there")
    func scriptsBomb() async throws {
        var forge = Forge()
        forge.scripts.append(.init(path: "zeros", content: [UInt8](repeating: 0, count: 65 << 20)))
        #expect(try await codes(of: try forge.build()) == ["exceeds-limit"])
    }

    @Test("a member that inflates beyond its stated size is stopped there")
    func memberBomb() async throws {
        var forge = Forge()
        forge.members = {
            $0.append(.init(path: "Readme", content: [UInt8](repeating: 0, count: 1 << 20), isCompressed: true))
        }
        forge.table = { $0.replacing("<size>1048576</size>", with: "<size>1000</size>") }
        #expect(try await codes(of: try forge.build()) == ["exceeds-limit"])
    }

    @Test("members that all name the same bytes and claim to inflate to much are not all read")
    func sharedBomb() async throws {
        let count = 300
        let content = [UInt8](repeating: 0, count: 16 << 20)
        let stored = try PackageCompression.zlib(content)
        var table = "<xar><toc><checksum style=\"sha1\"><offset>0</offset><size>20</size></checksum>"
        for identifier in 1...count {
            table += """
                <file id="\(identifier)"><data><encoding style="application/x-gzip"/><size>\(content.count)</size>\
                <offset>20</offset><length>\(stored.count)</length></data><type>file</type><name>f\(identifier)</name>\
                </file>
                """
        }
        let package = try Forge.archive(table: table + "</toc></xar>", heap: stored)
        let codes = try await codes(of: package)
        #expect(codes.contains("heap-overlap"))
        #expect(codes.contains("exceeds-limit"))
    }
}
