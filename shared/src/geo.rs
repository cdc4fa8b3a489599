//! Positions on the earth, validated once, and the distances between them.

use geo::{Distance, Haversine, Point};
use serde::{Deserialize, Serialize};

/// A place in integer micro-degrees (about 11 cm), so that every machine holds the same number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct Position {
    latitude: i32,
    longitude: i32,
}

/// A pair of numbers that is no place on the earth.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "[{latitude}, {longitude}] is not a position; write [latitude, longitude] in degrees, such as [-9.86, 124.28]"
)]
pub struct PositionError {
    latitude: f64,
    longitude: f64,
}

impl Position {
    /// A position from degrees north and east.
    ///
    /// # Errors
    /// A number that is not finite, or beyond 90 or 180 degrees.
    pub fn from_degrees(latitude: f64, longitude: f64) -> Result<Self, PositionError> {
        if !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0) {
            return Err(PositionError { latitude, longitude });
        }
        let micro = |degrees: f64| (degrees * 1e6).round() as i32;
        Ok(Self { latitude: micro(latitude), longitude: micro(longitude) })
    }

    /// A position from micro-degrees as documents hold them, if it lies on the earth.
    pub fn from_micro(latitude: i64, longitude: i64) -> Option<Self> {
        let within = |value: i64, limit: i64| i32::try_from(value).ok().filter(|_| value.abs() <= limit);
        Some(Self { latitude: within(latitude, 90_000_000)?, longitude: within(longitude, 180_000_000)? })
    }

    /// Latitude and longitude in micro-degrees.
    pub fn micro(self) -> (i64, i64) {
        (self.latitude.into(), self.longitude.into())
    }

    /// Latitude and longitude in degrees.
    pub fn degrees(self) -> (f64, f64) {
        (f64::from(self.latitude) / 1e6, f64::from(self.longitude) / 1e6)
    }

    /// Great-circle distance in metres.
    pub fn distance(self, other: Self) -> f64 {
        Haversine.distance(self.point(), other.point())
    }

    /// Whether `other` lies within `metres` of this place.
    pub fn within(self, other: Self, metres: f64) -> bool {
        self.distance(other) <= metres
    }

    /// The nearest of `places` and its distance in metres; `None` of none.
    pub fn nearest<T>(self, places: impl IntoIterator<Item = (T, Self)>) -> Option<(T, f64)> {
        places
            .into_iter()
            .map(|(place, position)| (place, self.distance(position)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn point(self) -> Point {
        let (latitude, longitude) = self.degrees();
        Point::new(longitude, latitude)
    }
}

impl TryFrom<[f64; 2]> for Position {
    type Error = PositionError;

    fn try_from([latitude, longitude]: [f64; 2]) -> Result<Self, PositionError> {
        Self::from_degrees(latitude, longitude)
    }
}

impl From<Position> for [f64; 2] {
    fn from(position: Position) -> Self {
        let (latitude, longitude) = position.degrees();
        [latitude, longitude]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_km() {
        let soe = Position::from_degrees(-9.86071, 124.28395).expect("valid");
        let north = Position::from_degrees(-8.86071, 124.28395).expect("valid");
        assert!((soe.distance(north) - 111_195.0).abs() < 10.0);
        assert_eq!(soe.nearest([("north", north), ("here", soe)]).expect("two").0, "here");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (latitude, longitude) in [(91.0, 0.0), (0.0, -180.5), (f64::NAN, 0.0), (f64::INFINITY, 0.0)] {
            assert!(Position::from_degrees(latitude, longitude).is_err());
        }
        assert!(Position::from_micro(i64::MAX, 0).is_none());
    }
}
