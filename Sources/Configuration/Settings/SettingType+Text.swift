import System

extension SettingType where Value == String {
    /// A path of a file or folder, as written; `SettingsReader` makes it absolute.
    static var path: Self { path("a path") { _ in true } }

    /// A path that means the same on every machine, since a node gets it, too.
    static var absolutePath: Self { path("an absolute path") { $0.first == 0x2F } }

    private static func path(_ expected: String, isRight: @escaping @Sendable ([UInt8]) -> Bool) -> Self {
        .scalar(expected, written: { $0 }) { (text) throws(Refusal) in
            let bytes = Array(text.utf8)
            guard bytes.count <= 1024 else {
                throw Refusal("the path has \(bytes.count) bytes", instead: "write at most 1024")
            }
            // It may hold a password, so it is not shown.
            guard !contains(bytes, "://") else {
                throw Refusal("a URL stands there", instead: "write the path at which a share is mounted")
            }
            guard !bytes.contains(where: isControl) else { throw Refusal(of: text, "holds a control character") }
            guard bytes.first != 0x7E else {
                throw Refusal(of: text, "begins with ~, which only a shell replaces", instead: "write the whole path")
            }
            guard !contains(bytes, "${") else {
                throw Refusal(of: text, "holds a variable, which is not replaced", instead: "write the whole path")
            }
            guard isRight(bytes) else { throw Refusal(of: text, "is not \(expected)") }
            return text
        }
    }

    /// A host's name or address without a port.
    static var host: Self {
        .scalar("a host name or an IP address, without a port", written: { $0 }) { (text) throws(Refusal) in
            let bytes = Array(text.utf8)
            if bytes.contains(0x40) || contains(bytes, "://") {
                // The text may hold a password, so it is not shown.
                throw Refusal(
                    "a URL stands there", instead: "write the host alone; port and password are settings of their own")
            }
            guard HostSyntax.isHost(bytes) else {
                throw Refusal(of: text, "is neither a host name nor an IP address")
            }
            return text
        }
    }

    /// What a node calls itself.
    static var hostName: Self {
        .scalar("a host name", written: { $0 }) { (text) throws(Refusal) in
            guard HostSyntax.isName(Array(text.utf8)) || text.utf8.elementsEqual(Placeholder.hostName.utf8) else {
                throw Refusal(
                    of: text, "is no host name",
                    instead: "write letters, digits, hyphens and dots, at most 63 between two dots")
            }
            return text
        }
    }

    /// A node's id.
    static var nodeIdentifier: Self {
        let expected = "1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first"
        return .scalar(expected, written: { $0 }) { (text) throws(Refusal) in
            let bytes = Array(text.utf8)
            if bytes.elementsEqual(Placeholder.nodeID.utf8) { return text }
            guard bytes.count <= 64, let first = bytes.first, isASCIILetter(first) || isASCIIDigit(first),
                bytes.allSatisfy({ isASCIILetter($0) || isASCIIDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) })
            else { throw Refusal(of: text, "is no id of a node") }
            return text
        }
    }

    /// The front part of package identifiers, as Apple's tools take them.
    static var identifierPrefix: Self {
        let expected = "a reversed domain such as com.example, of letters, digits and hyphens"
        return .scalar(expected, written: { $0 }) { (text) throws(Refusal) in
            let bytes = Array(text.utf8)
            let labels = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
            guard bytes.count <= 128, labels.count >= 2, labels.allSatisfy({ HostSyntax.isLabel($0) }) else {
                throw Refusal(of: text, "is no reversed domain")
            }
            return text
        }
    }

    /// Numbers with dots between. Kept as text, since 1.10 is another version than 1.1.
    static func version(
        numbers: ClosedRange<Int>, leadingZeros: Bool, example: String
    ) -> Self {
        let expected = "\(numbers.lowerBound) to \(numbers.upperBound) numbers with dots between, such as \(example)"
        return .scalar(expected, written: { $0 }) { (text) throws(Refusal) in
            let parts = Array(text.utf8).split(separator: 0x2E, omittingEmptySubsequences: false)
            let isRight = parts.allSatisfy { part in
                (1...8).contains(part.count) && part.allSatisfy(isASCIIDigit)
                    && (leadingZeros || part.count == 1 || part.first != 0x30)
            }
            guard isRight, numbers.contains(parts.count) else { throw Refusal(of: text, "is no version") }
            return text
        }
    }
}

extension SettingType where Value == [String] {
    /// A program and its arguments.
    static var command: Self {
        let expected = "a list with an absolute path of a program first, then its arguments"
        return .list(expected, written: writtenList) { (elements) throws(Refusal) in
            guard elements.count <= 64 else {
                throw Refusal("the list has \(elements.count) elements", instead: "write at most 64")
            }
            guard elements.first?.utf8.first == 0x2F else {
                throw Refusal(of: elements.first ?? "", "is no absolute path of a program")
            }
            for element in elements {
                let bytes = Array(element.utf8)
                guard bytes.count <= 1024 else {
                    throw Refusal("an argument has \(bytes.count) bytes", instead: "write at most 1024")
                }
                guard !bytes.contains(where: isControl) else { throw Refusal(of: element, "holds a control character") }
            }
            return elements
        }
    }

    /// Who may be at the other end of a connection: addresses in their shortest spelling, or `unix`.
    static var peers: Self {
        .list("a list of IP addresses, and unix", written: writtenList) { (elements) throws(Refusal) in
            guard elements.count <= 64 else {
                throw Refusal("the list has \(elements.count) elements", instead: "write at most 64")
            }
            return try elements.map { (text) throws(Refusal) in
                if text.utf8.elementsEqual("unix".utf8) { return text }
                guard let address = ForeignDescriptor.address(in: Array(text.utf8)) else {
                    throw Refusal(of: text, "is no IP address")
                }
                return String(decoding: address, as: UTF8.self)
            }
        }
    }

    /// Some of `known`, each once.
    static func subset(of known: [String]) -> Self {
        let expected = "a list with one or more of " + known.joined(separator: ", ")
        return .list(expected, written: writtenList) { (elements) throws(Refusal) in
            var seen: [String] = []
            for element in elements {
                guard let word = known.first(where: { $0.utf8.elementsEqual(element.utf8) }) else {
                    throw Refusal(of: element, "is not one of its values")
                }
                guard !seen.contains(word) else {
                    throw Refusal(of: element, "is there twice", instead: "remove one of the two")
                }
                seen.append(word)
            }
            return seen
        }
    }

    private static var writtenList: @Sendable ([String]) -> String? {
        { elements in "[" + elements.map(writtenScalar).joined(separator: ", ") + "]" }
    }
}

/// What an installer writes where the Mac's own values come in. A file in which they were left stands for a node that
/// has not chosen, so both mean the same as nothing.
enum Placeholder {
    static let hostName = "${HOSTNAME}"
    static let nodeID = "${NODE_ID}"
}

/// `text` as it is written in a file: plain where no reader of YAML could take it for anything else.
func writtenScalar(_ text: String) -> String {
    let bytes = Array(text.utf8)
    let isWord = bytes.allSatisfy { isASCIILetter($0) || isASCIIDigit($0) || [0x2D, 0x2E, 0x2F, 0x5F].contains($0) }
    let isPath = bytes.first == 0x2F || bytes.starts(with: "./".utf8)
    return isWord && isPath ? text : YAML.quoted(text)
}

private func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

private func contains(_ bytes: [UInt8], _ part: String) -> Bool {
    let part = Array(part.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: part) }
}
