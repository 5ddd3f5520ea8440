//! Network interfaces by name (`netioapi.h`).

use std::net::Ipv4Addr;

use windows_sys::Win32::Foundation::NO_ERROR;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    ConvertInterfaceAliasToLuid, ConvertInterfaceGuidToLuid, ConvertInterfaceLuidToIndex,
    FreeMibTable, GetUnicastIpAddressTable, MIB_UNICASTIPADDRESS_ROW, MIB_UNICASTIPADDRESS_TABLE,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::Networking::WinSock::AF_INET;
use windows_sys::core::GUID;

/// The index of the interface with this name.
///
/// `IP.get_local_interfaces()` returns the adapter's GUID as `name` and its readable name as `friendly`; both are
/// accepted here.
pub(crate) fn index_of(name: &str) -> Option<u32> {
    let luid = match guid(name) {
        Some(guid) => luid_of_guid(&guid),
        None => luid_of_alias(name),
    }?;
    let mut index = 0;
    // SAFETY: both pointers are to locals that outlive the call.
    let result = unsafe { ConvertInterfaceLuidToIndex(&raw const luid, &raw mut index) };
    (result == NO_ERROR).then_some(index)
}

/// An IPv4 address of the interface with this index.
pub(crate) fn ipv4_of(index: u32) -> Option<Ipv4Addr> {
    let mut table: *mut MIB_UNICASTIPADDRESS_TABLE = std::ptr::null_mut();
    // SAFETY: the pointer is to a local that outlives the call.
    if unsafe { GetUnicastIpAddressTable(AF_INET, &raw mut table) } != NO_ERROR {
        return None;
    }
    // SAFETY: the call succeeded, so `table` is valid until it is freed below, and its array has `NumEntries` rows. The
    // pointer to the rows is derived from `table`, not from the array's type, which has one row.
    let rows = unsafe {
        let first = (&raw const (*table).Table).cast();
        std::slice::from_raw_parts::<MIB_UNICASTIPADDRESS_ROW>(first, (*table).NumEntries as usize)
    };
    let row = rows.iter().find(|row| row.InterfaceIndex == index);
    let address = row.map(|row| {
        // SAFETY: the table was asked for with AF_INET, so each address is an IPv4 one; all bytes are valid for the type.
        let bits = unsafe { row.Address.Ipv4.sin_addr.S_un.S_addr };
        Ipv4Addr::from(u32::from_be(bits))
    });
    // SAFETY: GetUnicastIpAddressTable allocated it, and no reference to it is left.
    unsafe { FreeMibTable(table.cast()) };
    address
}

fn luid_of_alias(alias: &str) -> Option<NET_LUID_LH> {
    let wide: Vec<u16> = alias.encode_utf16().chain([0]).collect();
    let mut luid = NET_LUID_LH::default();
    // SAFETY: the text ends with a zero, and both pointers are to locals that outlive the call.
    let result = unsafe { ConvertInterfaceAliasToLuid(wide.as_ptr(), &raw mut luid) };
    (result == NO_ERROR).then_some(luid)
}

fn luid_of_guid(guid: &GUID) -> Option<NET_LUID_LH> {
    let mut luid = NET_LUID_LH::default();
    // SAFETY: both pointers are to values that outlive the call.
    let result = unsafe { ConvertInterfaceGuidToLuid(guid, &raw mut luid) };
    (result == NO_ERROR).then_some(luid)
}

/// Parses `{6B29FC40-CA47-1067-B31D-00DD010662DA}`.
fn guid(text: &str) -> Option<GUID> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let text = text.strip_prefix('{')?.strip_suffix('}')?;
    let has_form = text.split('-').map(str::len).eq(LENGTHS)
        && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let digits = text.replace('-', "");
    has_form.then(|| u128::from_str_radix(&digits, 16).ok().map(GUID::from_u128))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_the_form_that_the_engine_returns() {
        let read = guid("{6B29FC40-CA47-1067-B31D-00DD010662da}").unwrap();
        assert_eq!(
            (read.data1, read.data2, read.data3),
            (0x6b29_fc40, 0xca47, 0x1067)
        );
        assert_eq!(read.data4, [0xb3, 0x1d, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda]);
        for text in [
            "",
            "{}",
            "Ethernet",
            "6B29FC40-CA47-1067-B31D-00DD010662DA",
            "{6B29FC40CA471067B31D00DD010662DA}",
            "{+B29FC40-CA47-1067-B31D-00DD010662DA}",
            "{6B29FC4-0CA47-1067-B31D-00DD010662DA}",
        ] {
            assert!(guid(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_interface_has_one_index_by_either_name() {
        use windows_sys::Win32::NetworkManagement::IpHelper::{
            ConvertInterfaceIndexToLuid, ConvertInterfaceLuidToGuid,
        };
        let interface = getifaddrs::getifaddrs().unwrap().next().unwrap();
        let index = interface.index.unwrap();
        assert_eq!(index_of(&interface.description), Some(index));
        let (mut luid, mut guid) = (NET_LUID_LH::default(), GUID::from_u128(0));
        // SAFETY: the pointers are to locals that outlive the calls.
        let results = unsafe {
            (
                ConvertInterfaceIndexToLuid(index, &raw mut luid),
                ConvertInterfaceLuidToGuid(&raw const luid, &raw mut guid),
            )
        };
        assert_eq!(results, (NO_ERROR, NO_ERROR));
        let [a, b, rest @ ..] = guid.data4;
        let rest: String = rest.iter().map(|byte| format!("{byte:02X}")).collect();
        let name = format!(
            "{{{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-{rest}}}",
            guid.data1, guid.data2, guid.data3
        );
        assert_eq!(index_of(&name), Some(index), "{name}");
        assert_eq!(index_of("{00000000-0000-0000-0000-000000000000}"), None);
    }
}
