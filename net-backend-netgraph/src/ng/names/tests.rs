use proptest::prelude::*;

use super::*;

#[test]
fn limits_are_the_kernels_and_named() {
    let long = "a".repeat(40);
    let refused = NodeName::new(long.clone()).unwrap_err();
    assert_eq!(refused.problem(), "has 40 bytes; at most 31 are possible");
    assert_eq!((refused.position(), refused.text()), (31, long.as_str()));
    assert!(
        refused.to_string().starts_with("node name \"aaa"),
        "{refused}"
    );
    assert!(
        HookName::new(long.clone())
            .unwrap_err()
            .to_string()
            .contains("31")
    );
    assert!(TypeName::new(long).unwrap_err().to_string().contains("31"));
    assert!(
        Path::new("a".repeat(512))
            .unwrap_err()
            .to_string()
            .contains("511")
    );
    assert!(
        Address::new("a".repeat(33))
            .unwrap_err()
            .to_string()
            .contains("32")
    );

    let longest = "a".repeat(31);
    assert!(HookName::new(longest.clone()).is_ok() && TypeName::new(longest.clone()).is_ok());
    let address = Address::from(&NodeName::new(longest).unwrap());
    assert_eq!(address.as_str().len(), LONGEST_ADDRESS);
    assert_eq!(address.as_str().parse(), Ok(address.clone()));
    assert!(Path::new("a".repeat(511)).is_ok() && Address::new("a".repeat(32)).is_ok());
    let path = Path::new("a".repeat(33)).unwrap();
    assert!(Address::try_from(path).is_err());
}

#[test]
fn names_that_are_none_are_refused_where_they_are_wrong() {
    let at = |result: Result<(), NameError>| result.unwrap_err().position();
    for (name, position) in [("", 0), ("a.b", 1), ("em0:", 3), ("a\0", 1), ("[1f]", 0)] {
        assert_eq!(at(NodeName::new(name).map(drop)), position, "{name:?}");
    }
    for (name, position) in [("", 0), ("a.b", 1), ("a:", 1), ("ab\0", 2)] {
        assert_eq!(at(HookName::new(name).map(drop)), position, "{name:?}");
    }
    for (name, position) in [("", 0), ("../bridge", 2), ("a\0b", 1)] {
        assert_eq!(at(TypeName::new(name).map(drop)), position, "{name:?}");
    }
    // Where a character of several bytes is cut, the position is in front of it.
    let cut = format!("{}éé", "a".repeat(30));
    assert_eq!(at(HookName::new(cut).map(drop)), 30);
}

#[test]
fn brackets_are_fine_where_they_are_no_identifier() {
    for good in [
        "[0]", "[xyz]", "[]", "[1", "1f]", "[ 1]", "[+1]", "[1g]", "[0x]", "a[1]",
    ] {
        assert!(NodeName::new(good).is_ok(), "{good}");
    }
    let identifiers = [
        ("[1f]", 0x1f),
        ("[1F]", 0x1f),
        ("[0x1f]", 0x1f),
        ("[ffffffff]", u32::MAX),
    ];
    for (text, number) in identifiers {
        assert!(NodeName::new(text).is_err(), "{text}");
        assert_eq!(text.parse(), Ok(NodeId(number)));
        assert_eq!(format!("{text}:").parse(), Ok(NodeId(number)));
    }
    // The kernel cuts what is longer to 32 bits: [100000001] is [1].
    assert!(NodeName::new("[100000001]").is_err());
    assert!(NodeName::new("[ffffffffffffffff]").is_ok());
    assert!(NodeName::new("[10000000000000001]").is_ok());
    assert_eq!(
        "[0]".parse::<NodeId>().unwrap_err().problem(),
        "is none; write it as [1f]"
    );
}

#[test]
fn paths_are_those_that_the_kernel_can_walk() {
    let good = [
        "em0:",
        "em0:lower",
        "[5]:",
        "[5]:lower.link2",
        ".:",
        ".:vmlink",
        ".",
        "vmlink",
        "vmlink.link2",
        "vmlink.",
        ".vmlink",
    ];
    for path in good {
        assert!(
            Path::new(path).is_ok() && Address::new(path).is_ok(),
            "{path}"
        );
    }
    let bad = [
        ("", 0),
        (":lower", 0),
        ("a.b:lower", 1),
        ("em0:a:b", 5),
        ("em0:a..b", 5),
        ("a..b", 1),
    ];
    for (path, position) in bad {
        assert_eq!(Path::new(path).unwrap_err().position(), position, "{path}");
        assert_eq!(
            Address::new(path).unwrap_err().position(),
            position,
            "{path}"
        );
    }
}

#[test]
fn addresses_are_made_of_names_and_numbers() {
    assert_eq!(NodeId(0x1f).address().as_str(), "[1f]:");
    assert_eq!(Path::from(NodeId(0x1f)), Path::from(NodeId(0x1f).address()));
    assert_eq!(
        Address::from(&HookName::new("vmlink").unwrap()).as_str(),
        "vmlink"
    );
    assert_eq!(
        Address::from(&NodeName::new("em0").unwrap()).as_str(),
        "em0:"
    );
    assert_eq!(Address::own().to_string(), ".:");
}

proptest! {
    #[test]
    fn names_print_as_they_were_read(text in "\\PC{0,40}") {
        if let Ok(name) = NodeName::new(text.clone()) {
            prop_assert_eq!(name.to_string(), text.clone());
            prop_assert!(Address::new(Address::from(&name).to_string()).is_ok());
        }
        if let Ok(name) = HookName::new(text.clone()) {
            prop_assert!(Address::new(Address::from(&name).to_string()).is_ok());
        }
        for error in [Path::new(text.clone()).err(), TypeName::new(text.clone()).err()].into_iter().flatten() {
            prop_assert!(text.is_char_boundary(error.position()));
        }
    }

    #[test]
    fn identifiers_print_as_they_were_read(id in 1u32..) {
        prop_assert_eq!(NodeId(id).to_string().parse(), Ok(NodeId(id)));
    }
}
