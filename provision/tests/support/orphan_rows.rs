//! The rows of the table under "Orphan Mitigation" of the Open Service Broker API v2.17: what was asked
//! for, what came back, and whether an instance or a binding may be left behind.

use provision::broker::orphan::{Asked, Body, Orphan, Reply};

/// A row: its number, what was asked for, what came back, what may be left behind.
pub type Row = (u8, &'static [Asked], &'static [Reply], Option<Orphan>);

const ALL: &[Asked] =
    &[Asked::Provision, Asked::Update, Asked::Deprovision, Asked::Bind, Asked::Unbind, Asked::Look];

const fn sound(status: u16) -> Reply {
    Reply::Answer { status, body: Body::Sound }
}

const fn malformed(status: u16) -> Reply {
    Reply::Answer { status, body: Body::Malformed }
}

/// The end of an operation that was accepted.
const FAILED: Reply = Reply::Answer { status: 200, body: Body::Failed };

const OTHER_2XX: &[Reply] =
    &[sound(203), sound(204), malformed(204), sound(205), malformed(206), malformed(299)];

const OTHER_4XX: &[Reply] = &[
    sound(400),
    sound(401),
    sound(402),
    sound(403),
    sound(404),
    sound(405),
    sound(409),
    sound(410),
    sound(412),
    malformed(413),
    sound(422),
    sound(423),
    sound(429),
    malformed(499),
];

const SERVER: &[Reply] =
    &[sound(500), malformed(501), sound(502), sound(503), malformed(504), sound(599)];

const INSTANCE: Option<Orphan> = Some(Orphan::Instance);
const BINDING: Option<Orphan> = Some(Orphan::Binding);

/// The 21 rows.
pub const ROWS: [Row; 21] = [
    (1, ALL, &[sound(200)], None),
    (2, ALL, &[malformed(200)], None),
    (3, &[Asked::Provision, Asked::Deprovision], &[FAILED], INSTANCE),
    (4, &[Asked::Bind, Asked::Unbind], &[FAILED], BINDING),
    (5, ALL, &[sound(201)], None),
    (6, &[Asked::Provision], &[malformed(201)], INSTANCE),
    (7, &[Asked::Bind], &[malformed(201)], BINDING),
    (8, ALL, &[sound(202)], None),
    (9, &[Asked::Provision], &[malformed(202)], INSTANCE),
    (10, &[Asked::Bind], &[malformed(202)], BINDING),
    (11, &[Asked::Provision, Asked::Deprovision], OTHER_2XX, INSTANCE),
    (12, &[Asked::Bind, Asked::Unbind], OTHER_2XX, BINDING),
    (13, &[Asked::Update], OTHER_2XX, None),
    (14, ALL, &[sound(408), malformed(408)], None),
    (15, ALL, OTHER_4XX, None),
    (16, &[Asked::Provision, Asked::Deprovision], SERVER, INSTANCE),
    (17, &[Asked::Bind, Asked::Unbind], SERVER, BINDING),
    (18, &[Asked::Update], SERVER, None),
    (19, &[Asked::Provision], &[Reply::Timeout], INSTANCE),
    (20, &[Asked::Bind], &[Reply::Timeout], BINDING),
    (21, &[Asked::Update, Asked::Deprovision, Asked::Unbind, Asked::Look], &[Reply::Timeout], None),
];
