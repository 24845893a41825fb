import CYAML

/// What libyaml says next.
struct YAMLEvent {
    /// What may stand in front of a value.
    struct Properties {
        let hasAnchor: Bool
        let hasTag: Bool
    }

    enum Kind {
        case streamStart
        case streamEnd
        case documentStart(hasDirectives: Bool)
        case documentEnd
        case alias
        case scalar([UInt8], isPlain: Bool, Properties)
        case sequenceStart(Properties)
        case sequenceEnd
        case mappingStart(Properties)
        case mappingEnd
    }

    let kind: Kind
    let mark: YAMLMark
}

/// What libyaml could not read, in its own words.
struct YAMLSyntaxError: Error {
    let mark: YAMLMark
    /// libyaml's own text; made of its constants, never of the file's content.
    let problem: String
}

/// One pass of libyaml over a text: the only place that calls it.
///
/// libyaml resolves no tags and expands no aliases, so a small file cannot become a large tree here.
final class YAMLEventReader {
    // Both stay where they are until `deinit`: the parser keeps the address of itself and of its input.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let isReady: Bool

    init(_ bytes: [UInt8]) {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        input = .allocate(capacity: bytes.count)
        _ = input.initialize(from: bytes)
        isReady = yaml_parser_initialize(parser) == 1
        if isReady {
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, input.baseAddress, input.count)
        }
    }

    deinit {
        if isReady { yaml_parser_delete(parser) }
        parser.deallocate()
        input.deallocate()
    }

    /// The next event. Not to be called after an error or after the end of the stream.
    func next() throws(YAMLSyntaxError) -> YAMLEvent {
        var event = yaml_event_t()
        guard isReady, yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(kind: kind(of: event), mark: mark(event.start_mark))
    }

    private func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        switch event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT:
            let start = event.data.document_start
            let hasTags = start.tag_directives.start != start.tag_directives.end
            return .documentStart(hasDirectives: start.version_directive != nil || hasTags)
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT: return .alias
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let content = Array(UnsafeBufferPointer(start: scalar.value, count: scalar.length))
            return .scalar(
                content, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, properties(scalar.anchor, scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            return .sequenceStart(properties(event.data.sequence_start.anchor, event.data.sequence_start.tag))
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            return .mappingStart(properties(event.data.mapping_start.anchor, event.data.mapping_start.tag))
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        // YAML_STREAM_END_EVENT, and YAML_NO_EVENT, which libyaml gives after it.
        default: return .streamEnd
        }
    }

    private func properties(
        _ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?
    ) -> YAMLEvent.Properties {
        YAMLEvent.Properties(hasAnchor: anchor != nil, hasTag: tag != nil)
    }

    private func syntaxError() -> YAMLSyntaxError {
        guard isReady, let problem = parser.pointee.problem else {
            return YAMLSyntaxError(mark: YAMLMark(line: 1, column: 1), problem: "out of memory")
        }
        var text = String(cString: problem)
        if let context = parser.pointee.context {
            text += " \(String(cString: context)) that begins on line \(mark(parser.pointee.context_mark).line)"
        }
        return YAMLSyntaxError(mark: mark(parser.pointee.problem_mark), problem: text)
    }

    /// libyaml counts from 0.
    private func mark(_ mark: yaml_mark_t) -> YAMLMark {
        YAMLMark(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }
}
