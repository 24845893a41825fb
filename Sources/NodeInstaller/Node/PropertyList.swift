/// A value of a property list, written as Apple's XML 1.0.
indirect enum PropertyList {
    case string(String)
    case integer(Int)
    case bool(Bool)
    case array([PropertyList])
    /// Keys in the order in which they are written.
    case dictionary([(key: String, value: PropertyList)])

    /// The whole document. Texts must be free of control characters, which XML has no way to write.
    var document: [UInt8] {
        var xml = """
            <?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
            <plist version="1.0">

            """
        write(to: &xml, level: 0)
        return Array((xml + "</plist>\n").utf8)
    }

    private func write(to xml: inout String, level: Int) {
        let indent = String(repeating: "\t", count: level)
        switch self {
        case .string(let text): xml += "\(indent)<string>\(Self.escaped(text))</string>\n"
        case .integer(let value): xml += "\(indent)<integer>\(value)</integer>\n"
        case .bool(let value): xml += "\(indent)<\(value)/>\n"
        case .array(let elements):
            xml += "\(indent)<array>\n"
            for element in elements { element.write(to: &xml, level: level + 1) }
            xml += "\(indent)</array>\n"
        case .dictionary(let members):
            xml += "\(indent)<dict>\n"
            for (key, value) in members {
                xml += "\(indent)\t<key>\(Self.escaped(key))</key>\n"
                value.write(to: &xml, level: level + 1)
            }
            xml += "\(indent)</dict>\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"  // for `]]>`, which must not stand in a text
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
