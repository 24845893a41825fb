import JSON
import TestSupport
import Testing

@testable import Enqueuer

/// Batches as people write them.
@Suite struct BatchFileTests {
    private func rows(_ text: String) throws -> [BatchFile.Row] { try BatchFile(parsing: Array(text.utf8)).rows }

    private func row(_ node: String?, _ package: String? = nil, _ labels: [(String, String)] = []) -> BatchFile.Row {
        BatchFile.Row(
            nodeName: node, packageName: package, labels: labels.map { BatchFile.Row.Label(key: $0.0, value: $0.1) })
    }

    @Test("a table has a row for each line, columns in any order, and quotes where they are needed")
    func tables() throws {
        #expect(try rows("nodeName\nlab-1\nlab-2\n") == [row("lab-1"), row("lab-2")])
        #expect(try rows("\u{FEFF}nodeName\r\nlab-1\r\n\r\nlab-2") == [row("lab-1"), row("lab-2")])
        #expect(
            try rows("label:site,node_name,packageName\n\"Berlin, \"\"Nord\"\"\",lab-1,a.pkg\n,lab-2,\n")
                == [row("lab-1", "a.pkg", [("site", "Berlin, \"Nord\"")]), row("lab-2")])
        #expect(
            try rows("nodeName,label:note\nlab-1,\"two\nlines\"\n") == [row("lab-1", nil, [("note", "two\nlines")])])
        #expect(try rows("nodeName,packageName\n\"\",\"\"\n") == [row(nil)])
        #expect(try rows("packageName\n\u{FC}ber.pkg") == [row(nil, "\u{FC}ber.pkg")])
    }

    @Test("JSON is a list of objects, alone or as rows")
    func json() throws {
        let list = #"[{"nodeName":"lab-1","labels":{"site":"Berlin"}},{"packageName":"b.pkg","nodeName":null},{}]"#
        let expected = [row("lab-1", nil, [("site", "Berlin")]), row(nil, "b.pkg"), row(nil)]
        #expect(try rows(list) == expected)
        #expect(try rows(" {\"rows\": \(list)}") == expected)
    }

    @Test(
        "what is wrong is told by line, row, column and what is known",
        arguments: [
            ("", "no rows"), ("nodeName\n", "no rows"), ("nodename\nlab-1", "did you mean 'nodeName'?"),
            ("host,mac\na,b", "known are nodeName, packageName, label:KEY"), ("nodeName,nodeName\na,b", "there twice"),
            ("nodeName,packageName\nlab-1\n", "row 1: line 2 has 1 fields, and there are 2 columns"),
            ("nodeName\n\"lab-1\n", "line 2 opens are not closed"), ("nodeName\nla\"b\n", "line 2: a quote"),
            ("nodeName\n\"lab\"x\n", "line 2: a quote"), ("nodeName\nla\u{0}b\n", "control character"),
            ("label:\nx", "'label:' is not known"),
            ("[", "no batch"), ("{}", "expected a list of rows"), (#"{"rows":[],"x":1}"#, "'x' is no member"),
            ("[]", "no rows"),
            ("[1]", "row 1: expected an object"), (#"[{},{"nodeName":1}]"#, "row 2: nodeName: expected a text"),
            (#"[{"labels":{"a":1}}]"#, "row 1: labels"), (#"[{"node":"a"}]"#, "'node' is not known here"),
        ])
    func mistakes(_ text: String, _ expected: String) {
        let error = #expect(throws: BatchFileError.self) { try rows(text) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test("bytes that are no text, and more rows than are taken, are refused")
    func bounds() throws {
        #expect(throws: BatchFileError.notText) { try BatchFile(parsing: [0xFF, 0x0A]) }
        #expect(throws: BatchFileError.self) { try rows("nodeName\n" + String(repeating: "a\n", count: 10_001)) }
        #expect(try rows("nodeName\n" + String(repeating: "a\n", count: 10_000)).count == 10_000)
    }

    @Test("no change of a byte ends in a trap")
    func anyBytes() throws {
        let random = SeededRandom(seed: 4)
        let texts = ["nodeName,label:a\n\"x,\"\"y\",z\r\nb,\n", #"[{"nodeName":"a","labels":{"b":"c"}},{}]"#]
        for _ in 0..<rounds(reduced: 2000, full: 200_000) {
            var bytes = Array(texts[random.below(2)].utf8)
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
                if bytes.isEmpty { bytes = [0x22] }
            }
            _ = try? BatchFile(parsing: bytes)
        }
    }
}
