import Foundation
import HTTP
import JSON
import System
import TestSupport
import Testing

@testable import Enqueuer

/// Batches that are read out of a file a row at a time, against the same document read as a whole.
@Suite struct BatchBodyTests {
    private static let schema = FarmAPI.batchSchema

    private func body(_ text: String) throws -> BatchBody { try body(Array(text.utf8)) }

    private func body(_ bytes: [UInt8]) throws -> BatchBody {
        let file = try Directory.open("/tmp").createNamelessFile()
        try file.write(bytes)
        return try BatchBody(file, Self.schema)
    }

    private func rows(_ body: BatchBody) throws -> [JSONValue] {
        var (reader, rows) = (body.rows(), [JSONValue]())
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    /// The problem of a body that is not taken.
    private func problem(_ bytes: [UInt8]) throws -> Problem? {
        do {
            _ = try body(bytes)
            return nil
        } catch let problem as Problem { return problem }
    }

    @Test("rows come out as they went in, whatever stands around them and in whatever order")
    func reads() throws {
        for (text, names) in [
            (#"{"rows":[{"nodeName":"a"},{"nodeName":"b"}],"lane":"batch","sealing":"plain"}"#, ["a", "b"]),
            (#"{"sealing":"plain","lane":"batch","rows":[{"nodeName":"a"}]}"#, ["a"]),
            (
                " {\n\"lane\" : \"batch\" , \"rows\" : [ {\"nodeName\":\"a\"}\t,\r\n { \"nodeName\" : \"b\" } ] \n,\"sealing\":\"plain\"}\n",
                ["a", "b"]
            ),
            (#"{"ro\u0077s":[{"nodeName":"],[\"{"}],"lane":"batch","sealing":"plain"}"#, ["],[\"{"]),
            (#"{"rows":[{"nodeName":"\\"},{"nodeName":"\\\""}],"lane":"batch","sealing":"plain"}"#, ["\\", "\\\""]),
        ] {
            let body = try body(text)
            #expect(body.count == names.count && body.frame["lane"]?.string == "batch", "\(text)")
            #expect(body.frame["sealing"]?.string == "plain")
            for _ in 0..<2 { #expect(try rows(body).map { $0["nodeName"]?.string } == names) }
        }
    }

    @Test("what is wrong is told with its place in the whole document")
    func places() throws {
        for text in [
            "", " ", "{", "[]x", #"{"rows":["#, #"{"rows":[{}"#, #"{"rows":[{},]}"#, #"{"rows":[,]}"#, #"{"rows":[{}]"#,
            #"{"rows":[{"a"}],"lane":"x"}"#, #"{"rows":[{}],"lane":}"#, #"{"rows":[{}],"rows":[{}]}"#,
            #"{"rows":[{}]]}"#, #"{"rows":[{}}"#, #"{"rows":[{"nodeName":"a","nodeName":"b"}]}"#, #"{"rows":[{}{}]}"#,
            "{\"rows\":[{\"nodeName\":\"\u{1}\"}]}", #"{"rows":[{"nodeName":"\ud800"}]}"#, "\u{FEFF}{\"rows\":[{}]}",
            #"{"rows":[{},{}],"lane":"\q"}"#, #"{"rows"[{}]}"#, #"{"rows":[nul]}"#,
        ] {
            var expected = ""
            do { _ = try JSONValue(parsing: Array(text.utf8)) } catch { expected = error.description }
            let problem = try #require(try problem(Array(text.utf8)), "\(text)")
            #expect(problem.status == .badRequest && !expected.isEmpty, "\(text)")
            // The text that is cut short is told at its end; all others where the whole document's reader tells them.
            if !expected.contains("ends") && !expected.contains("was expected") {
                #expect(problem.detail == expected, "\(text)")
            }
        }
        let wrong = try #require(
            try problem(Array(#"{"rows":[{},{"nodeNam":"a"},{"labels":1},7],"laen":"x"}"#.utf8)))
        #expect(wrong.status == .unprocessableContent)
        #expect(wrong.parts.map(\.place) == ["/laen", "/rows/1/nodeNam", "/rows/2/labels", "/rows/3"])
        #expect(try problem(Array(#"{"rows":[]}"#.utf8))?.parts.map(\.place) == ["/rows"])
        #expect(try problem(Array(#"{"lane":"batch"}"#.utf8))?.parts.map(\.place) == ["/rows"])
        #expect(try problem(Array(#"{"rows":7}"#.utf8))?.parts.map(\.place) == ["/rows"])
        let many = "{\"rows\":[" + Array(repeating: "{}", count: 10_001).joined(separator: ",") + "]}"
        #expect(try problem(Array(many.utf8))?.parts.map(\.place) == ["/rows"])
        #expect(try body(many.replacingOccurrences(of: "[{},", with: "[")).count == 10_000)
    }

    @Test("a row that never ends, or a document around the rows, is not held in memory")
    func bounds() throws {
        let long = [UInt8](repeating: 0x20, count: 200_000)
        let row = try #require(try problem(Array(#"{"rows":[{},{"nodeName":"a"#.utf8) + long))
        #expect(row.parts.map(\.place) == ["/rows/1"])
        let frame = try #require(try problem(Array(#"{"rows":[{}],"#.utf8) + long))
        #expect(frame.parts.first?.detail.contains("65536") == true)
        let empty = "{" + Array(repeating: #""rows":[]"#, count: 6000).joined(separator: ",") + "}"
        #expect(try problem(Array(empty.utf8))?.detail.contains("a name occurs twice") == true)
        let deep = Array(repeating: "[", count: 40).joined()
        #expect(try problem(Array("{\"rows\":[\(deep)".utf8))?.status == .badRequest)
        #expect(try problem(Array("{\"rows\":[{}],\"lane\":\(deep)".utf8))?.status == .badRequest)
    }

    @Test(
        "of thousands of documents that were changed at random, it takes those that the whole document's reader takes, and no others"
    )
    func agrees() throws {
        let random = SeededRandom(seed: 5)
        let seeds = [
            #"{"rows":[{"nodeName":"a","labels":{"k":"v, ]}"}},{},{"packageName":"p\\"}],"lane":"batch"}"#,
            #"{"sealing":"plain" , "rows" : [ {"nodeName":"a\"b"} , {"nodeName":null} ], "lane":null}"#,
            #"{"rows":[{"labels":{"rows":"[{"}}]}"#,
        ].map { Array($0.utf8) }
        let bytes = Array("{}[],:\"\\ rows0anulte\n\u{1}".utf8)
        var taken = 0
        for _ in 0..<rounds(reduced: 4000, full: 200_000) {
            var text = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0..<Int(random.next() % 4) {
                let place = Int(random.next() % UInt64(text.count))
                let byte = bytes[Int(random.next() % UInt64(bytes.count))]
                switch random.next() % 4 {
                case 0: text[place] = byte
                case 1: text.insert(byte, at: place)
                case 2: if text.count > 1 { text.remove(at: place) }
                default:
                    let end = min(text.count, place + Int(random.next() % 20))
                    text.insert(contentsOf: text[place..<end], at: place)
                }
            }
            let whole = try? JSONValue(parsing: text)
            let isWhole = whole.map { Self.schema.parts(wrongIn: $0).isEmpty } ?? false
            let found = try? body(text)
            #expect((found != nil) == isWhole, "\(String(decoding: text, as: UTF8.self))")
            guard let whole, isWhole, let found else { continue }
            taken += 1
            #expect(try rows(found) == whole["rows"]?.array ?? [])
            #expect(found.count == whole["rows"]?.array?.count)
            #expect(found.frame["lane"] == whole["lane"] && found.frame["sealing"] == whole["sealing"])
        }
        #expect(taken > rounds(reduced: 400, full: 20_000))
    }
}
