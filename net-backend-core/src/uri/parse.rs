use super::{ConfigError, ConfigProblem, Pair, Uri};

pub(super) fn uri(text: &str) -> Result<Uri, ConfigError> {
    let syntax = |position, message: &str| {
        Err(ConfigError::new(
            ConfigProblem::Syntax,
            text,
            position,
            message,
        ))
    };
    let Some((scheme, rest)) = text.split_once(':') else {
        return syntax(0, "no scheme; write SCHEME:TARGET, as in tap:tap0");
    };
    if let Some(position) = scheme.bytes().position(|byte| !is_name(byte)) {
        return syntax(
            position,
            "a scheme is made of lower-case letters, digits and -",
        );
    }
    if scheme.is_empty() {
        return syntax(0, "no scheme before the colon; write one, as in tap:tap0");
    }
    let target_position = scheme.len() + 1;
    let (target, options) = match rest.split_once('?') {
        Some((target, options)) => (target, Some(options)),
        None => (rest, None),
    };
    let pairs = match options {
        Some(options) => pairs(text, options, target_position + target.len() + 1)?,
        None => Vec::new(),
    };
    Ok(Uri {
        text: text.to_owned(),
        scheme: scheme.to_owned(),
        target: target.to_owned(),
        target_position,
        pairs,
    })
}

/// Appends the value with everything escaped that would not survive.
pub(super) fn escape(value: &str, into: &mut String) {
    for character in value.chars() {
        if matches!(character, '%' | '&') || character.is_whitespace() || character.is_control() {
            let mut utf8 = [0; 4];
            for byte in character.encode_utf8(&mut utf8).bytes() {
                into.push_str(&format!("%{byte:02X}"));
            }
        } else {
            into.push(character);
        }
    }
}

/// Where the byte is written that `offset` bytes of the decoded value precede. `text` begins with the value.
pub(super) fn written_offset(text: &str, offset: usize) -> usize {
    let value = text.split('&').next().unwrap_or_default();
    let mut at = 0;
    for _ in 0..offset {
        at += match value.as_bytes().get(at) {
            Some(b'%') => 3,
            Some(_) => 1,
            None => 0,
        };
    }
    let mut at = at.min(value.len());
    while !value.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn pairs(text: &str, options: &str, mut position: usize) -> Result<Vec<Pair>, ConfigError> {
    let mut pairs = Vec::new();
    for option in options.split('&') {
        pairs.push(pair(text, option, position)?);
        position += option.len() + 1;
    }
    Ok(pairs)
}

fn pair(text: &str, option: &str, position: usize) -> Result<Pair, ConfigError> {
    let syntax = |position, message: String| {
        ConfigError::new(ConfigProblem::Syntax, text, position, message)
    };
    let Some((key, value)) = option.split_once('=') else {
        let message = match option {
            "" => "an option is missing; write KEY=VALUE, or leave out the separator".to_owned(),
            key => format!("{key} has no value; write {key}=VALUE"),
        };
        return Err(syntax(position, message));
    };
    if key.is_empty() || !key.bytes().all(is_name) {
        let message = "a key is made of lower-case letters, digits and -".to_owned();
        return Err(syntax(position, message));
    }
    let value_position = position + key.len() + 1;
    let decoded = unescape(value).map_err(|(offset, message)| {
        syntax(value_position + offset, format!("{key}: {message}"))
    })?;
    Ok(Pair {
        key: key.to_owned(),
        value: decoded,
        key_position: position,
        value_position,
    })
}

fn unescape(value: &str) -> Result<String, (usize, &'static str)> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let offset = value.len() - tail.len() - 1;
        let decoded = tail.split_first_chunk().and_then(|(digits, tail)| {
            rest = tail;
            hexadecimal(digits)
        });
        bytes.push(decoded.ok_or((
            offset,
            "% is followed by two hexadecimal digits; write %25 for a percent sign",
        ))?);
    }
    String::from_utf8(bytes).map_err(|_| (0, "the escapes do not make UTF-8"))
}

fn hexadecimal(digits: &[u8; 2]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    let plain = digits.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}
