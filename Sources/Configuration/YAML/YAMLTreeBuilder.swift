/// Makes a tree of libyaml's events and notes what is not taken on the way.
///
/// What makes the rest unreadable stops it; everything else is noted and read over, so that one run tells all.
struct YAMLTreeBuilder {
    /// Reading cannot go on; the reason is in `mistakes`.
    private struct Stop: Error {}

    private let source: [UInt8]
    private let reader: YAMLEventReader
    private var mistakes: [YAMLMistake] = []
    private var nodeCount = 0
    /// The keys that lead to the value being read.
    private var path: [[UInt8]] = []

    init(_ source: [UInt8]) {
        self.source = source
        reader = YAMLEventReader(source)
    }

    mutating func document() -> YAMLDocument {
        do {
            let root = try stream()
            return YAMLDocument(root: root, mistakes: mistakes)
        } catch {
            return YAMLDocument(root: nil, mistakes: mistakes)
        }
    }

    private mutating func stream() throws(Stop) -> YAMLNode? {
        var root: YAMLNode?
        var documentCount = 0
        while true {
            let event = try next()
            switch event.kind {
            case .streamEnd: return root
            case .streamStart, .documentEnd: continue
            case .documentStart(let hasDirectives):
                documentCount += 1
                guard documentCount == 1 else {
                    throw stop(event.mark, "a second document begins", "keep one document and remove the rest")
                }
                if hasDirectives {
                    note(event.mark, "a directive (%YAML or %TAG)", "remove the lines that begin with %")
                }
            case .alias, .scalar, .sequenceStart, .mappingStart, .sequenceEnd, .mappingEnd:
                root = try node(event, depth: 0)
            }
        }
    }

    /// The value that `event` begins, read to its end. `depth`: of the mappings and sequences around it.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(Stop) -> YAMLNode {
        nodeCount += 1
        guard nodeCount <= YAML.Limit.nodeCount else {
            throw stop(
                event.mark, "more than \(YAML.Limit.nodeCount) keys and values", "a configuration is much smaller")
        }
        let content: YAMLNode.Content
        switch event.kind {
        case .alias:
            note(
                event.mark, "an alias (*), which is not taken",
                "write the value itself, in double quotes where it begins with *")
            content = .refused
        case .scalar(let text, let isPlain, let properties):
            content = scalar(text, isPlain: isPlain, properties, event.mark)
        case .sequenceStart(let properties):
            let elements = try sequence(event.mark, depth: depth + 1)
            content = isTaken(properties, event.mark) ? .sequence(elements) : .refused
        case .mappingStart(let properties):
            let entries = try mapping(event.mark, depth: depth + 1)
            content = isTaken(properties, event.mark) ? .mapping(entries) : .refused
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw stop(event.mark, "nothing where a value was expected", "write a value there")
        }
        return YAMLNode(content: content, line: event.mark.line)
    }

    private mutating func scalar(
        _ text: [UInt8], isPlain: Bool, _ properties: YAMLEvent.Properties, _ mark: YAMLMark
    ) -> YAMLNode.Content {
        guard text.count <= YAML.Limit.scalarByteCount else {
            note(
                mark, "a value of \(text.count) bytes",
                "keep a value within \(YAML.Limit.scalarByteCount) bytes (64 KiB)")
            return .refused
        }
        return isTaken(properties, mark) ? .scalar(text, isPlain: isPlain) : .refused
    }

    private mutating func sequence(_ mark: YAMLMark, depth: Int) throws(Stop) -> [YAMLNode] {
        try checkDepth(depth, mark)
        var elements: [YAMLNode] = []
        while true {
            let event = try next()
            if case .sequenceEnd = event.kind { return elements }
            elements.append(try node(event, depth: depth))
        }
    }

    private mutating func mapping(_ mark: YAMLMark, depth: Int) throws(Stop) -> [YAMLNode.Entry] {
        try checkDepth(depth, mark)
        var entries: [YAMLNode.Entry] = []
        var lines: [[UInt8]: Int] = [:]
        while true {
            let event = try next()
            if case .mappingEnd = event.kind { return entries }
            let key = try key(event, depth: depth)
            path.append(key ?? [])
            defer { path.removeLast() }
            if let key, let first = lines[key] {
                note(event.mark, "is here a second time, first on line \(first)", "remove one of the two")
            }
            let value = try node(try next(), depth: depth)
            guard let key, lines[key] == nil else { continue }
            lines[key] = event.mark.line
            entries.append(YAMLNode.Entry(key: key, line: event.mark.line, value: value))
        }
    }

    /// The text of a key; nil when it was refused.
    private mutating func key(_ event: YAMLEvent, depth: Int) throws(Stop) -> [UInt8]? {
        let key = try node(event, depth: depth)
        switch key.content {
        case .scalar(let text, let isPlain):
            if isPlain, text.elementsEqual("<<".utf8) {
                note(event.mark, "a merge key (<<)", "write the settings themselves; merging is not taken")
                return nil
            }
            return text
        case .sequence, .mapping:
            note(event.mark, "a key that is a list or a mapping", "write a name, a colon and a value")
            return nil
        case .refused: return nil
        }
    }

    private mutating func isTaken(_ properties: YAMLEvent.Properties, _ mark: YAMLMark) -> Bool {
        // Their names are not shown: a password that begins with & or ! is one to libyaml.
        if properties.hasAnchor {
            note(
                mark, "an anchor (&), which is not taken",
                "remove it, or put a value that begins with & in double quotes")
        }
        if properties.hasTag {
            note(
                mark, "a tag (!), which is not taken",
                "remove it, or put a value that begins with ! in double quotes")
        }
        return !properties.hasAnchor && !properties.hasTag
    }

    private mutating func checkDepth(_ depth: Int, _ mark: YAMLMark) throws(Stop) {
        guard depth <= YAML.Limit.depth else {
            throw stop(mark, "more than \(YAML.Limit.depth) levels of nesting", "a configuration has three")
        }
    }

    private mutating func next() throws(Stop) -> YAMLEvent {
        do throws(YAMLSyntaxError) {
            return try reader.next()
        } catch {
            mistakes.append(
                YAMLMistake(
                    mark: error.mark, keys: [], problem: "not valid YAML: \(error.problem)",
                    instead: advice(on: error)))
            throw Stop()
        }
    }

    /// What most often lies behind libyaml's words.
    private func advice(on error: YAMLSyntaxError) -> String {
        if hasTabInIndentation(line: error.mark.line) { return "indent with spaces; this line begins with a tab" }
        let quoting = "put the value in double quotes"
        if error.problem.utf8.starts(with: "mapping values are not allowed".utf8) {
            return "look for a colon in a value (then \(quoting)) or a wrong indentation"
        }
        if error.problem.utf8.starts(with: "found character that cannot start any token".utf8) { return quoting }
        return "check the indentation, the colons and the quotes there and on the line above"
    }

    private func hasTabInIndentation(line: Int) -> Bool {
        let lines = source.split(separator: 0x0A, maxSplits: line, omittingEmptySubsequences: false)
        guard line >= 1, line <= lines.count else { return false }
        return lines[line - 1].prefix { $0 == 0x20 || $0 == 0x09 }.contains(0x09)
    }

    private mutating func note(_ mark: YAMLMark, _ problem: String, _ instead: String) {
        mistakes.append(YAMLMistake(mark: mark, keys: path, problem: problem, instead: instead))
    }

    private mutating func stop(_ mark: YAMLMark, _ problem: String, _ instead: String) -> Stop {
        note(mark, problem, instead)
        return Stop()
    }
}
