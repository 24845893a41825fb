/// What a bill of materials lists, with full paths.
struct PayloadList {
    let entries: [BillOfMaterials.Entry]
    /// The path of each entry, without `./`; empty for the root.
    let paths: [[UInt8]]
    /// By Apple's rule.
    let installKBytes: Int64

    init(_ bill: BillOfMaterials, place: String) throws(PackageError) {
        entries = bill.entries
        paths = try bill.paths(place: place)
        installKBytes = bill.installKBytes
    }

    /// How far the payload may inflate: to what is listed, and some room for padding and for the files of extended
    /// attributes (`._NAME`), which Apple's tools list empty or not at all.
    var inflationLimit: Int64 {
        var limit: UInt64 = 16 << 20
        for (entry, path) in zip(entries, paths) {
            let overhead = UInt64(CPIOHeader.byteCount + path.count + 3)
            let content = entry.kind == .directory ? 0 : entry.byteCount
            let attributes: UInt64 = entry.isAppleDouble ? 1 << 20 : 0
            let (sum, overflow) = limit.addingReportingOverflow(content)
            if overflow || sum > UInt64(Int64.max) { return .max }
            limit = sum + overhead + attributes
        }
        return Int64(clamping: limit)
    }
}

extension BillOfMaterials.Entry {
    /// Whether it carries the extended attributes of the file beside it, as `._NAME`.
    var isAppleDouble: Bool { name.starts(with: [0x2E, 0x5F]) }
}
