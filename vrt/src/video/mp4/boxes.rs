//! In: the bytes of a box of ISO/IEC 14496-12. Out: the boxes inside, and its fields, each checked against its end.

use std::fmt;

use super::super::fault::Fault;

/// A box's four-character type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(pub(super) [u8; 4]);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

/// The header of a box: its type, and the bytes of header and of the whole box. A size of 0 reaches to `rest`.
pub(super) fn header(bytes: &[u8], at: u64, rest: u64) -> Result<(Kind, u64, u64), Fault> {
    let mut fields = Fields {
        kind: Kind(*b"box "),
        at,
        rest: bytes,
    };
    let short = u64::from(fields.u32()?);
    let kind = Kind(fields.array()?);
    let (head, size) = match short {
        0 => (8, rest),
        1 => (16, fields.u64()?),
        size => (8, size),
    };
    if size < head {
        return Err(Fault::malformed(
            format_args!("byte {at}"),
            format_args!("a box `{kind}` of {size} bytes"),
        ));
    }
    Ok((kind, head, size))
}

/// A box whose bytes are in memory.
#[derive(Clone, Copy)]
pub(super) struct Atom<'a> {
    pub(super) kind: Kind,
    /// Where its contents lie in the file.
    pub(super) at: u64,
    /// Its contents, without the header.
    pub(super) body: &'a [u8],
}

impl<'a> Atom<'a> {
    /// The boxes that follow the first `skipped` bytes of the contents.
    ///
    /// # Errors
    /// [`Fault::Malformed`] for a box that reaches beyond this one.
    pub(super) fn children(self, skipped: usize) -> Result<Vec<Atom<'a>>, Fault> {
        let mut children = Vec::new();
        let mut rest = self.body.get(skipped..).unwrap_or_default();
        // QuickTime may end a list of boxes with a zero of four bytes.
        while rest.len() >= 8 {
            let at = self.at + (self.body.len() - rest.len()) as u64;
            let (kind, head, size) = header(rest, at, rest.len() as u64)?;
            let Some(whole) = usize::try_from(size).ok().and_then(|size| rest.get(..size)) else {
                return Err(Fault::malformed(
                    format_args!("byte {at}, box `{kind}`"),
                    format_args!("{size} bytes where `{}` has {} left", self.kind, rest.len()),
                ));
            };
            children.push(Atom {
                kind,
                at: at + head,
                body: &whole[head as usize..],
            });
            rest = &rest[whole.len()..];
        }
        Ok(children)
    }

    /// The first box inside of that type.
    pub(super) fn child(self, kind: &[u8; 4]) -> Result<Option<Atom<'a>>, Fault> {
        Ok(self
            .children(0)?
            .into_iter()
            .find(|child| child.kind.0 == *kind))
    }

    /// The first box inside of that type, which has to be there.
    pub(super) fn required(self, kind: &[u8; 4]) -> Result<Atom<'a>, Fault> {
        self.child(kind)?
            .ok_or_else(|| self.damaged(format_args!("it has no box `{}`", Kind(*kind))))
    }

    pub(super) fn fields(self) -> Fields<'a> {
        Fields {
            kind: self.kind,
            at: self.at,
            rest: self.body,
        }
    }

    /// The version, the flags and the fields of a full box.
    pub(super) fn full(self) -> Result<(u8, u32, Fields<'a>), Fault> {
        let mut fields = self.fields();
        let word = fields.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff, fields))
    }

    pub(super) fn damaged(self, why: impl fmt::Display) -> Fault {
        Fault::malformed(format_args!("byte {}, box `{}`", self.at, self.kind), why)
    }
}

/// Big-endian fields, read in order.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    kind: Kind,
    at: u64,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(Fault::malformed(
                format_args!("byte {}, box `{}`", self.at, self.kind),
                format_args!(
                    "a field of {count} bytes where {} are left",
                    self.rest.len()
                ),
            ));
        };
        (self.rest, self.at) = (rest, self.at + count as u64);
        Ok(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), Fault> {
        self.bytes(count).map(drop)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// 64 bits in version 1 of a box, 32 in version 0.
    pub(super) fn wide(&mut self, version: u8) -> Result<u64, Fault> {
        if version == 1 {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    /// A table's number of entries of `bytes` bytes, which have to be there.
    pub(super) fn count(&mut self, bytes: usize) -> Result<u32, Fault> {
        let count = self.u32()?;
        if count as usize > self.rest.len() / bytes {
            return Err(Fault::malformed(
                format_args!("byte {}, box `{}`", self.at, self.kind),
                format_args!(
                    "{count} entries of {bytes} bytes where {} bytes are left",
                    self.rest.len()
                ),
            ));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_reaches_beyond_its_parent_is_named_with_its_place() {
        let body = [&20u32.to_be_bytes()[..], b"stts", &[0; 4]].concat();
        let atom = Atom {
            kind: Kind(*b"stbl"),
            at: 100,
            body: &body,
        };
        let fault = atom.children(0).err().unwrap();
        assert_eq!(
            fault.to_string(),
            "is damaged at byte 100, box `stts`: 20 bytes where `stbl` has 12 left"
        );
    }

    #[test]
    fn a_table_longer_than_its_box_is_refused_before_it_is_read() {
        let body = u32::MAX.to_be_bytes();
        let mut fields = Atom {
            kind: Kind(*b"stsz"),
            at: 0,
            body: &body,
        }
        .fields();
        let fault = fields.count(4).err().unwrap();
        assert!(
            fault
                .to_string()
                .contains("4294967295 entries of 4 bytes where 0"),
            "{fault}"
        );
    }

    #[test]
    fn a_size_of_0_reaches_to_the_end_and_one_of_1_is_64_bits_wide() {
        let to_end = [&0u32.to_be_bytes()[..], b"mdat"].concat();
        assert!(matches!(header(&to_end, 0, 77), Ok((Kind(kind), 8, 77)) if &kind == b"mdat"));
        let large = [
            &1u32.to_be_bytes()[..],
            b"mdat",
            &(1u64 << 33).to_be_bytes(),
        ]
        .concat();
        assert!(matches!(header(&large, 0, 77), Ok((_, 16, size)) if size == 1 << 33));
    }
}
