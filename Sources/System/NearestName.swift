/// Finds the name that someone meant.
public enum NearestName {
    /// The one of `names` that takes the fewest single changes to become of `name`, if so few that it was probably
    /// meant; the first of several.
    public static func of(_ name: String, among names: [String]) -> String? {
        let scalars = Array(name.unicodeScalars)
        // Longer than any name can be: nothing is near, and the table would only cost time.
        guard scalars.count <= 80 else { return nil }
        let ranked = names.map { (name: $0, distance: distance(scalars, Array($0.unicodeScalars))) }
        guard let nearest = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return nearest.distance <= max(1, min(scalars.count / 3, 4)) ? nearest.name : nil
    }

    /// Insertions, removals, replacements and swaps of neighbours (Damerau's distance in its restricted form).
    static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, scalar) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (scalar == other ? 0 : 1))
                if row > 0, column > 0, scalar == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
