import HTTP
import Testing

@Suite struct RequestTargetTests {
    @Test(
        "a path is segments of plain characters",
        arguments: [
            ("/", []), ("/v1/jobs", ["v1", "jobs"]), ("/d/a.b-c_d~e", ["d", "a.b-c_d~e"]), ("/...", ["..."]),
            ("/v1/jobs?", ["v1", "jobs"]),
        ] as [(String, [String])])
    func paths(target: String, path: [String]) {
        #expect(RequestTarget(Array(target.utf8))?.path == path)
    }

    @Test(
        "what could be read as another path, or leads elsewhere, is none",
        arguments: [
            "", "v1", "*", "http://host/v1", "/../etc", "/a/../b", "/a/..", "/a/.", "/./a", "//", "//a", "/a//b", "/a/",
            "/%2e%2e/etc", "/..%252f", "/%c0%ae", "/a%00b", "/a%2fb", "/a\\..\\b", "/a;.css", "/a b", "/a\tb", "/ü",
            "/a#b", "/a\u{0}b", "/a:b", "/a/\u{2E}\u{301}/b", "/" + String(repeating: "a", count: 1025),
            "/" + Array(repeating: "a", count: 17).joined(separator: "/"), "/?" + String(repeating: "a", count: 9000),
        ])
    func refusedPaths(target: String) { #expect(RequestTarget(Array(target.utf8)) == nil) }

    @Test("a query is names and values, unescaped as forms escape")
    func queries() throws {
        let target = try #require(
            RequestTarget(Array("/a?state=queued&label=a%3Db%26c&q=x+y%2Bz&empty=&flag&u=%C3%BC".utf8)))
        #expect(target["state"] == "queued")
        #expect(target["label"] == "a=b&c")
        #expect(target["q"] == "x y+z")
        #expect(target["empty"] == "")
        #expect(target["flag"] == "")
        #expect(target["u"] == "ü")
        #expect(target["missing"] == nil)
        #expect(target.query.count == 6)
    }

    @Test(
        "what has two readings, or none, is no query",
        arguments: [
            "/a?x=1&x=2", "/a?%78=1&x=2", "/a?=1", "/a?x=%", "/a?x=%4", "/a?x=%zz", "/a?x=%00", "/a?x=%0a", "/a?x=%ff",
            "/a?x=%c0%ae", "/a?x=\"", "/a?x=<b>", "/a?x=a b", "/a?x=%7f", "/a?x={}", "/a?x=`id`",
            "/a?" + (0..<101).map { "n\($0)=1" }.joined(separator: "&"),
        ])
    func refusedQueries(target: String) { #expect(RequestTarget(Array(target.utf8)) == nil) }
}
