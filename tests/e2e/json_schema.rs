//! As much of JSON Schema as the published schemas use.

use serde_json::Value;

/// Fails unless `value` is as `schema` says.
pub(crate) fn check(schema: &Value, value: &Value) {
    if let Err(why) = valid(schema, schema, value, "$") {
        panic!("{why}");
    }
}

fn valid(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let rules = schema.as_object().unwrap();
    for (rule, wanted) in rules {
        let ok = match rule.as_str() {
            "$ref" => {
                let target = root
                    .pointer(wanted.as_str().unwrap().trim_start_matches('#'))
                    .unwrap();
                return valid(root, target, value, at);
            }
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                "null" => value.is_null(),
                other => panic!("type {other}"),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => wanted
                .as_array()
                .unwrap()
                .iter()
                .any(|one| valid(root, one, value, at).is_ok()),
            "required" => wanted
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "minimum" => value.as_f64().is_none_or(|n| n >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= wanted.as_f64().unwrap()),
            // The one pattern that is used: of a digest. It says nothing of what is no text.
            "pattern" => value.as_str().is_none_or(|text| {
                text.split_once(':')
                    .is_some_and(|(rows, sum)| rows.bytes().all(|b| b.is_ascii_digit()) && sum.len() == 32)
            }),
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    let place = format!("{at}.{name}");
                    match wanted.get(name) {
                        Some(schema) => valid(root, schema, member, &place)?,
                        None if rules["additionalProperties"] == false => {
                            return Err(format!("{place} is not known"));
                        }
                        None => {}
                    }
                }
                true
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    valid(root, wanted, item, &format!("{at}[{i}]"))?;
                }
                true
            }
            "$schema" | "$id" | "$defs" | "title" | "description" | "additionalProperties" => true,
            other => panic!("rule {other}"),
        };
        if !ok {
            return Err(format!("{at}: {value} is not {rule} {wanted}"));
        }
    }
    Ok(())
}
