import JSON
import System
import TestSupport
import Testing

@testable import HTTP

/// Whatever a head holds, it is let through or refused, and nothing traps.
@Suite struct HeadFuzzTests {
    private static let seeds: [[String]] = [
        [
            "GET", "/v1/jobs/01a229b5-b5a7-79e0-94f8-00c3b0722186?limit=10&state=failed", "HTTP/1.1",
            "Host: farm.example:8768",
        ],
        [
            "POST", "/v1/jobs", "HTTP/1.1", "Host: [::1]:80", "Content-Length: 12",
            "Content-Type: application/json; charset=utf-8",
        ],
        [
            "GET", "/d/eyJhbGciOiJFZDI1NTE5In0.e30.AA", "HTTP/1.1", "Host: a", "Range: bytes=0-99",
            "If-Range: \"sha256-x\"",
        ],
        ["GET", "/v1/artifacts/x", "HTTP/1.1", "Host: a", "Range: bytes=-5", "If-None-Match: W/\"a\", \"b\", *"],
        ["PUT", "/a/b/c", "HTTP/1.0", "Host: a", "Transfer-Encoding: chunked", "Expect: 100-continue"],
        [
            "GET", "/a?x=%41+b&y=", "HTTP/1.1", "Host: a", "Prefer: respond-async, wait=20; foo=\"bar\"",
            "Cookie: a=b; __Host-pkgmill=x",
        ],
        ["GET", "/", "HTTP/1.1", "Host: a", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ]
    private static let bits = [
        "", " ", "\t", "\u{0}", "%", "%00", "%2e%2e%2f", "..", "//", "\\", ",", ";", "=", "\"", "*", "-", "+5", "0x5",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e400", "bytes=", "0-0,-1", "é",
        "\u{301}", "K",
    ]

    @Test("any head, target, range, condition or preference is read or refused")
    func heads() throws {
        let random = SeededRandom(seed: 11)
        let router = Router([
            .init(.get, "/v1/jobs/{id}", 1), .init(.post, "/v1/jobs", 2), .init(.get, "/d/{token}", 3),
            .init(.get, "/", 4),
        ])
        let gate = RequestGate()
        var admitted = 0
        for _ in 0..<rounds(reduced: 20_000, full: 2_000_000) {
            var parts = Self.seeds[random.below(Self.seeds.count)].map { Array($0.utf8) }
            for _ in 0..<random.below(4) { change(&parts[random.below(parts.count)], random) }
            if random.below(10) == 0 { parts.append(parts[random.below(parts.count)]) }
            var known = HTTPFields()
            for part in parts.dropFirst(3) {
                let mark = part.firstIndex(of: UInt8(ascii: ":")) ?? part.endIndex
                known.append(part[..<mark], part[mark...].dropFirst().drop { $0 == 0x20 })
            }
            var size = parts[0].count + parts[1].count + parts[2].count + 6
            for field in known.all { size += field.name.count + field.value.count + 4 }
            let head = RequestGate.Head(
                method: parts[0], target: parts[1], version: parts[2], fields: known, size: size + random.below(2))
            guard let through = try? gate.admit(head) else { continue }
            admitted += 1
            _ = router.match(through.method, through.target)
            let request = HTTPRequest(
                through.method, through.target, fields: known,
                trace: TraceContext(continuing: known.only("traceparent"), random: .system))
            let total = [0, 1, 100, Int64.max][random.below(4)]
            switch request.range(of: total, tag: EntityTag("sha256-x")) {
            case .part(let offset, let count): #expect(offset >= 0 && count > 0 && offset <= total - count)
            case .all, .unsatisfiable: break
            }
            _ = request.hasAlready(EntityTag("b"))
            _ = (request.preferredWait, request.prefersAsync, request.isPrefetch, request.mediaType)
            // What was let through has one spelling, which is what was asked for.
            let end = parts[1].firstIndex(of: UInt8(ascii: "?")) ?? parts[1].endIndex
            #expect(Array(through.target.pathText.utf8) == Array(parts[1][..<end]))
        }
        #expect(admitted > rounds(reduced: 2_000, full: 200_000))
    }

    private func change(_ bytes: inout [UInt8], _ random: SeededRandom) {
        let place = random.below(bytes.count + 1)
        switch random.below(5) {
        case 0: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 1: bytes.insert(contentsOf: Self.bits[random.below(Self.bits.count)].utf8, at: place)
        case 2: if !bytes.isEmpty { bytes.remove(at: min(place, bytes.count - 1)) }
        case 3: if !bytes.isEmpty { bytes[min(place, bytes.count - 1)] ^= UInt8(1 << random.below(8)) }
        default: bytes.insert(contentsOf: [UInt8](repeating: bytes.first ?? 0x2F, count: random.below(2000)), at: place)
        }
    }
}
