//! What may be left behind, row by row.
#![cfg(test)]

#[path = "support/orphan_rows.rs"]
mod orphan_rows;

use orphan_rows::ROWS;
use provision::broker::orphan::left_behind;

#[test]
fn every_row_of_the_table_is_kept() {
    let mut cells = 0;
    for (number, asked, replies, left) in ROWS {
        for (asked, reply) in
            asked.iter().flat_map(|asked| replies.iter().map(move |r| (*asked, *r)))
        {
            assert_eq!(left_behind(asked, reply), left, "row {number}: {asked:?} and {reply:?}");
            cells += 1;
        }
    }
    assert!(cells > 100, "{cells} cases");
}
